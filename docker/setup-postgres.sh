#!/usr/bin/env bash
# One shot, at every start: the store's user and Prefect's, each with a database of its own that the other cannot enter.
# Passwords go by standard input, never by a process's arguments, and follow .env.
set -euo pipefail

user_with_database() { # name, password, database
  psql -q -v ON_ERROR_STOP=1 -d postgres <<SQL
\\set name '$1'
\\set password '$2'
\\set database '$3'
SELECT format('CREATE ROLE %I LOGIN', :'name')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \\gexec
SELECT format('ALTER ROLE %I PASSWORD %L', :'name', :'password') \\gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'name')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'database') \\gexec
SQL
}

user_with_database glucoflow "$STORE_PASSWORD" glucoflow
user_with_database prefect "$PREFECT_STORE_PASSWORD" prefect
echo "users and databases are set up"
