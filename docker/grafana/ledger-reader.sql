-- The role with which Grafana reads what pages cost: sums by day and key, and the names of the keys.
-- It sees no document, no text and no secret. Run as the owner of the database, after the service
-- has made its tables, as often as one likes.
\set ON_ERROR_STOP on
\set password `cat "${READER_PASSWORD_FILE:-/run/secrets/grafana_reader_password}"`

-- A statement that fails would else stand in the log, with the password in it.
SET log_min_error_statement = panic;
BEGIN;
SELECT 'CREATE ROLE grafana' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana')
\gexec
ALTER ROLE grafana WITH LOGIN NOCREATEDB NOCREATEROLE CONNECTION LIMIT 5 PASSWORD :'password';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '10s';
GRANT CONNECT ON DATABASE :"DBNAME" TO grafana;
GRANT USAGE ON SCHEMA public TO grafana;
GRANT SELECT ON ledger, spending TO grafana;
GRANT SELECT (id, name) ON api_keys TO grafana;
COMMIT;
