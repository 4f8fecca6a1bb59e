"""Metrics of others that rules ask for; `tests/deploy` looks for them where they come from."""

__all__ = ["FOREIGN_METRICS"]

FOREIGN_METRICS = {
    "alertmanager": {"alertmanager_notifications_failed_total"},
    "dcgm": {
        "DCGM_FI_DEV_FB_FREE",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_GPU_TEMP",
        "DCGM_FI_DEV_ROW_REMAP_FAILURE",
        "DCGM_FI_DEV_XID_ERRORS",
    },
    "nginx": {"nginx_up"},
    "node": {
        "node_filesystem_avail_bytes",
        "node_filesystem_files",
        "node_filesystem_files_free",
        "node_filesystem_size_bytes",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes",
        "node_vmstat_oom_kill",
    },
    "outside": {"probe_ssl_earliest_cert_expiry", "probe_success"},
    "postgres": {"pg_up"},
    "prometheus": {
        "prometheus_config_last_reload_successful",
        "prometheus_notifications_dropped_total",
        "prometheus_notifications_errors_total",
        "prometheus_rule_evaluation_failures_total",
        "up",
    },
    "redis": {"redis_up"},
}
"""By the job that scrapes them; those of `dcgm` are in the exporter's default list."""
