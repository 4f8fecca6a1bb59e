"""Dashboard *Machine*: the host, its accelerators, and the programs beside the gateways."""

from .machine_stores import POSTGRES, REDIS, WEB
from .model import Board, Panel, Query, Row, Variable

__all__ = ["MACHINE"]

HOST = 'instance=~"$host"'
DISK = f'{HOST},fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|fuse.*"'
CARD = 'device!~"lo|veth.*|br-.*|docker.*|ifb.*"'


def gpu(metric: str, name: str = "{{instance}} GPU {{gpu}}") -> Query:
    """By accelerator."""
    return Query(f"max by (instance, gpu) (DCGM_FI_DEV_{metric})", name)


def pressure(what: str, name: str) -> Query:
    """Share of the time in which somebody waits for it."""
    text = f"rate(node_pressure_{what}_seconds_total{{{HOST}}}[$__rate_interval])"
    return Query(f"max by (instance) ({text})", name)


GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Targets that are away",
            "Programs that Prometheus is to look at, and cannot.",
            (Query("count(up == 0) or vector(0)"),),
            "none",
            "stat",
            limits=(1,),
            alerts=("TargetDown",),
            link="/prometheus/targets",
        ),
        Panel(
            "Processor",
            "In use, over all cores.",
            (
                Query(
                    f'1 - avg(rate(node_cpu_seconds_total{{{HOST},mode="idle"}}[$__rate_interval]))'
                ),
            ),
            "percentunit",
            "stat",
            limits=(0.85, 0.97),
            top=1,
        ),
        Panel(
            "Memory",
            "In use, as what cannot be given back at once.",
            (
                Query(
                    f"1 - sum(node_memory_MemAvailable_bytes{{{HOST}}})"
                    f" / sum(node_memory_MemTotal_bytes{{{HOST}}})"
                ),
            ),
            "percentunit",
            "stat",
            limits=(0.85, 0.93),
            top=1,
            alerts=("MemoryLow", "OutOfMemoryKill"),
        ),
        Panel(
            "Fullest disk",
            "In use, of the file system that has least room.",
            (
                Query(
                    f"max(1 - node_filesystem_avail_bytes{{{DISK}}}"
                    f" / node_filesystem_size_bytes{{{DISK}}})"
                ),
            ),
            "percentunit",
            "stat",
            limits=(0.8, 0.9),
            top=1,
            alerts=("DiskNearlyFull", "DiskFull"),
        ),
        Panel(
            "Accelerators in use",
            "Mean over all; nothing where there are none.",
            (Query("avg(DCGM_FI_DEV_GPU_UTIL) / 100"),),
            "percentunit",
            "stat",
            top=1,
        ),
        Panel(
            "Up for",
            "Since the machine was started.",
            (Query(f"min(time() - node_boot_time_seconds{{{HOST}}})"),),
            "s",
            "stat",
        ),
    ),
)

NODE = Row(
    "Machine",
    (
        Panel(
            "What do the cores do?",
            "By kind of work. Much `iowait` is a slow disk, `steal` a neighbour on the same host.",
            (
                Query(
                    "sum by (mode) (rate(node_cpu_seconds_total"
                    f'{{{HOST},mode!="idle"}}[$__rate_interval]))',
                    "{{mode}}",
                ),
            ),
            "none",
            shape="stack",
            decimals=2,
        ),
        Panel(
            "Does anything wait for the machine?",
            "Share of the time in which some work waits for processor, memory or disk.",
            (
                pressure("cpu_waiting", "processor"),
                pressure("memory_waiting", "memory"),
                pressure("io_waiting", "disk"),
            ),
            "percentunit",
            limits=(0.5,),
        ),
        Panel(
            "How is memory used?",
            "What is available is free, or can be given back at once.",
            (
                Query(
                    f"sum(node_memory_MemTotal_bytes{{{HOST}}})"
                    f" - sum(node_memory_MemAvailable_bytes{{{HOST}}})",
                    "in use",
                ),
                Query(f"sum(node_memory_MemAvailable_bytes{{{HOST}}})", "available"),
                Query(
                    f"sum(node_memory_SwapTotal_bytes{{{HOST}}})"
                    f" - sum(node_memory_SwapFree_bytes{{{HOST}}})",
                    "swapped out",
                ),
            ),
            "bytes",
            shape="stack",
            alerts=("MemoryLow",),
        ),
        Panel(
            "How full are the disks?",
            "By file system. The folders of the service may share one.",
            (
                Query(
                    f"max by (instance, mountpoint) (1 - node_filesystem_avail_bytes{{{DISK}}}"
                    f" / node_filesystem_size_bytes{{{DISK}}})",
                    "{{instance}} {{mountpoint}}",
                ),
            ),
            "percentunit",
            limits=(0.8, 0.9),
            top=1,
            alerts=("DiskNearlyFull", "DiskFull", "InodesNearlyGone"),
        ),
        Panel(
            "How busy are the disks?",
            "Share of the time in which a disk works; bytes read and written are beside.",
            (
                Query(
                    "max by (instance, device) (rate(node_disk_io_time_seconds_total"
                    f"{{{HOST}}}[$__rate_interval]))",
                    "{{instance}} {{device}}",
                ),
            ),
            "percentunit",
            limits=(0.8, 0.95),
            top=1,
        ),
        Panel(
            "How much is read and written?",
            "By disk.",
            tuple(
                Query(
                    f"sum by (device) (rate(node_disk_{what}_bytes_total{{{HOST}}}"
                    "[$__rate_interval]))",
                    f"{{{{device}}}} {what}",
                )
                for what in ("read", "written")
            ),
            "Bps",
        ),
        Panel(
            "How much goes over the network?",
            "By card; bridges and containers are left out.",
            tuple(
                Query(
                    f"sum by (device) (rate(node_network_{what}_bytes_total{{{HOST},{CARD}}}"
                    "[$__rate_interval]))",
                    f"{{{{device}}}} {what}",
                )
                for what in ("receive", "transmit")
            ),
            "Bps",
        ),
        Panel(
            "Was anything killed for memory?",
            "Processes that the kernel ended, in an hour.",
            (
                Query(
                    f"sum by (instance) (increase(node_vmstat_oom_kill{{{HOST}}}[1h]))",
                    "{{instance}}",
                ),
            ),
            "none",
            shape="bars",
            decimals=0,
            limits=(1,),
            alerts=("OutOfMemoryKill",),
        ),
        Panel(
            "How many files are open?",
            "Of what the kernel allows.",
            (
                Query(
                    f"node_filefd_allocated{{{HOST}}} / node_filefd_maximum{{{HOST}}}",
                    "{{instance}}",
                ),
            ),
            "percentunit",
            limits=(0.7, 0.9),
        ),
    ),
)

GPUS = Row(
    "Accelerators (with the profile gpu)",
    (
        Panel(
            "How busy are they?",
            "Share of the time in which anything runs on one; says nothing of how much of it.",
            (gpu("GPU_UTIL"),),
            "percent",
            top=100,
        ),
        Panel(
            "How much of their memory is taken?",
            "vLLM takes `GPU_MEMORY_UTILIZATION` of it at its start, whatever it does.",
            (
                Query(
                    "max by (instance, gpu) (DCGM_FI_DEV_FB_USED"
                    " / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE))",
                    "{{instance}} GPU {{gpu}}",
                ),
            ),
            "percentunit",
            limits=(0.95, 0.99),
            top=1,
            alerts=("GpuMemoryFull",),
        ),
        Panel(
            "How hot are they?",
            "The chip; above its limit it runs slower.",
            (gpu("GPU_TEMP"),),
            "celsius",
            limits=(80, 88),
            alerts=("GpuHot",),
        ),
        Panel("What do they draw?", "Power by accelerator.", (gpu("POWER_USAGE"),), "watt"),
        Panel(
            "How fast do they run?",
            "The clock of the cores; one that falls under load is too hot, or short of power.",
            (
                Query(
                    "max by (instance, gpu) (DCGM_FI_DEV_SM_CLOCK) * 1e6",
                    "{{instance}} GPU {{gpu}}",
                ),
            ),
            "hertz",
        ),
        Panel(
            "What was the last fault?",
            "The number of the last XID; 0 is none. NVIDIA's list of XIDs tells what each means.",
            (gpu("XID_ERRORS"),),
            "none",
            decimals=0,
            limits=(1,),
            alerts=("GpuFault",),
        ),
    ),
)

MACHINE = Board(
    "machine",
    "Machine",
    "The host with its disks and accelerators, Postgres, Redis, Nginx and Prometheus.",
    (GLANCE, NODE, GPUS, POSTGRES, REDIS, WEB),
    (Variable("host", "Host", 'label_values(up{job="node"}, instance)'),),
)
