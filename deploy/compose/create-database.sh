#!/bin/sh
# Runs once, while the postgres image makes its volume. Crewtab gets a role that owns its database and may do nothing else.
# The superuser keeps no password: it logs in from inside of this container alone.
set -eu
psql --variable=ON_ERROR_STOP=1 --no-psqlrc --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv password CREWTAB_PASSWORD
CREATE ROLE crewtab LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE crewtab OWNER crewtab;
REVOKE ALL ON DATABASE crewtab FROM PUBLIC;
ALTER ROLE CURRENT_USER PASSWORD NULL;
SQL
