#!/bin/sh
set -eu
sqlite3 readings.db < api/migrations/001_readings.sql
python api/server.py &
(cd poller && go run .)
