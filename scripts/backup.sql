-- Run by scripts/backup inside the container of Postgres: the dump on standard output, and how many rows each
-- table has in it in /tmp/backup.rows, both of one moment.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\! pg_dump --username maoocr --dbname maoocr --format custom --snapshot "$SNAPSHOT"
\o /tmp/backup.rows
SELECT format('SELECT %L, count(*) FROM %I', tablename, tablename)
FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename
\gexec
\o
COMMIT;
