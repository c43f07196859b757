#!/bin/sh
# Runs once, while the postgres image makes its database. Crewtab gets a role that owns its database and may do nothing else.
# The superuser keeps no password: it can only log in from inside of this container, over the socket.
set -eu
psql --variable=ON_ERROR_STOP=1 --no-psqlrc --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv password CREWTAB_PASSWORD
CREATE ROLE crewtab LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE crewtab OWNER crewtab;
REVOKE CONNECT ON DATABASE crewtab FROM PUBLIC;
ALTER ROLE CURRENT_USER PASSWORD NULL;
SQL
