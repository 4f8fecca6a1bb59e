"""Dashboard *Machine*, its second half: the programs beside the gateways."""

from .model import Panel, Query, Row, per_second

__all__ = ["POSTGRES", "REDIS", "WEB"]

DATABASE = 'datname!~"template.*|postgres"'

POSTGRES = Row(
    "Postgres",
    (
        Panel(
            "Is Postgres there?",
            "1 while its exporter reaches it.",
            (Query("min(pg_up)", "Postgres"),),
            "none",
            limits=(1,),
            low_is_bad=True,
            top=1,
            width=6,
            alerts=("PostgresDown",),
        ),
        Panel(
            "How many connections?",
            "By database, and how many there may be.",
            (
                Query(
                    f"sum by (datname) (pg_stat_database_numbackends{{{DATABASE}}})", "{{datname}}"
                ),
                Query("max(pg_settings_max_connections)", "limit"),
            ),
            "none",
            width=6,
        ),
        Panel(
            "What does Postgres do?",
            "Transactions per second. Whoever only reads ends with one that is undone.",
            tuple(
                Query(
                    per_second(f"pg_stat_database_xact_{what}", where=DATABASE),
                    name,
                )
                for what, name in (("commit", "kept"), ("rollback", "undone"))
            ),
            "short",
            width=6,
        ),
        Panel(
            "How large are the databases?",
            "By database; the history is most of it (`MAOOCR_HISTORY__MAX_AGE_DAYS`).",
            (Query(f"max by (datname) (pg_database_size_bytes{{{DATABASE}}})", "{{datname}}"),),
            "bytes",
            width=6,
        ),
        Panel(
            "Does it read from memory?",
            "Share of the blocks that were in its cache.",
            (
                Query(
                    per_second("pg_stat_database_blks_hit", where=DATABASE)
                    + f" / ({per_second('pg_stat_database_blks_hit', where=DATABASE)}"
                    + f" + {per_second('pg_stat_database_blks_read', where=DATABASE)} > 0)",
                    "from memory",
                ),
            ),
            "percentunit",
            top=1,
            limits=(0.9, 0.97),
            low_is_bad=True,
            width=6,
        ),
        Panel(
            "How long is the longest transaction?",
            "One that stays open keeps old rows alive.",
            (
                Query(
                    f"max by (datname) (pg_stat_activity_max_tx_duration{{{DATABASE}}})",
                    "{{datname}}",
                ),
            ),
            "s",
            limits=(60, 600),
            width=6,
        ),
        Panel(
            "How many locks?",
            "By mode; `exclusive` ones that stay are a migration, or a fault.",
            (Query(f"sum by (mode) (pg_locks_count{{{DATABASE}}}) > 0", "{{mode}}"),),
            "none",
            shape="stack",
            width=6,
        ),
        Panel(
            "Which tables are largest?",
            "With their indexes.",
            (
                Query(
                    f"topk(6, sum by (relname) (pg_stat_user_tables_size_bytes{{{DATABASE}}}))",
                    "{{relname}}",
                ),
            ),
            "bytes",
            "bargauge",
            6,
        ),
    ),
)

REDIS = Row(
    "Redis",
    (
        Panel(
            "How much memory does Redis take?",
            "When it is full it forgets what was used least: that is in order for a cache.",
            (
                Query("max(redis_memory_used_bytes)", "used"),
                Query("max(redis_memory_max_bytes) > 0", "limit"),
            ),
            "bytes",
            width=6,
            alerts=("RedisDown",),
        ),
        Panel(
            "What does Redis do?",
            "Commands per second, the ten most frequent.",
            (Query(f"topk(10, {per_second('redis_commands_total', 'cmd')} > 0)", "{{cmd}}"),),
            "short",
            shape="stack",
            width=6,
        ),
        Panel(
            "Does it find what it is asked for?",
            "Hits of all look-ups of keys; answers, rates and flights together.",
            (
                Query(
                    per_second("redis_keyspace_hits_total")
                    + f" / ({per_second('redis_keyspace_hits_total')}"
                    + f" + {per_second('redis_keyspace_misses_total')} > 0)",
                    "hits",
                ),
            ),
            "percentunit",
            top=1,
            width=6,
        ),
        Panel(
            "What does it forget?",
            "Keys per second: for lack of room, and because their time was over.",
            (
                Query(per_second("redis_evicted_keys_total"), "no room"),
                Query(per_second("redis_expired_keys_total"), "expired"),
            ),
            "short",
            width=6,
        ),
    ),
)

WEB = Row(
    "Nginx, and who watches",
    (
        Panel(
            "How many connections does Nginx hold?",
            "By what they do; those that wait are kept open for the next request.",
            tuple(
                Query(f"sum(nginx_connections_{what})", what)
                for what in ("reading", "writing", "waiting")
            ),
            "none",
            shape="stack",
            width=6,
            alerts=("NginxDown",),
        ),
        Panel(
            "How many requests does Nginx get?",
            "Per second, those that it answers itself among them.",
            (Query(per_second("nginx_http_requests_total"), "requests"),),
            "reqps",
            width=6,
        ),
        Panel(
            "Who is away?",
            "1 for what Prometheus reaches.",
            (Query("min by (job) (up)", "{{job}}"),),
            "none",
            "bargauge",
            6,
            limits=(1,),
            low_is_bad=True,
            top=1,
            alerts=("TargetDown",),
        ),
        Panel(
            "How much does Prometheus keep?",
            "Series in memory.",
            (Query('max(prometheus_tsdb_head_series{job="prometheus"})', "series"),),
            "short",
            width=6,
            alerts=("PrometheusUnwell",),
        ),
        Panel(
            "Does a caller get an answer?",
            "1 while `/readyz` is answered over TLS, through Nginx.",
            (Query('min(probe_success{job="outside"})', "answer"),),
            "none",
            limits=(1,),
            low_is_bad=True,
            top=1,
            width=6,
            alerts=("NotAnsweringOutside",),
        ),
        Panel(
            "How long does he wait for it?",
            "By what is done. Two minutes without an answer are an alert.",
            (Query('max by (phase) (probe_http_duration_seconds{job="outside"})', "{{phase}}"),),
            "s",
            shape="stack",
            width=12,
            alerts=("NotAnsweringOutside",),
        ),
        Panel(
            "For how long is the certificate good?",
            "The one that callers are shown. Below zero it has ended.",
            (
                Query(
                    'min(probe_ssl_earliest_cert_expiry{job="outside"}) - time()',
                    "until its end",
                ),
            ),
            "s",
            width=6,
            limits=(3 * 86400, 14 * 86400),
            low_is_bad=True,
            alerts=("CertificateEndsSoon", "CertificateEnds"),
        ),
    ),
)
