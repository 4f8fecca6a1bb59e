"""Every setting of the service, as one frozen tree.

The environment names are `MAOOCR_` and the path with `__` (`MAOOCR_LIMITS__MAX_PAGES`); a few keep
the name that operators know from elsewhere (`MODEL_PATH`, `WEB_CONCURRENCY`). An empty value is the
default. Nothing reads the environment but `Settings()`, and nothing reads it at import.
"""

import re
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = [
    "AuthSettings",
    "CacheSettings",
    "CostSettings",
    "HistorySettings",
    "JobSettings",
    "LimitSettings",
    "LogSettings",
    "ModelSettings",
    "OutboundSettings",
    "PaddleSettings",
    "PoolSettings",
    "PpocrSettings",
    "ServerSettings",
    "Settings",
    "SpoolSettings",
    "VlmSettings",
]

MIB = 1024 * 1024
_HOST_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.ASCII | re.I)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ServerSettings(_Part):
    """Where the gateway listens and how it ends."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""

    grace_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds that work already admitted may take to finish when the service stops."""

    allowed_hosts: Annotated[str, Field(pattern=r"^[\w.:*-]*( *, *[\w.:*-]+)*$")] = ""
    """Names by which the service may be called (`Host`), with commas between: `*.` takes all below,
    `*` all there are. Empty is `*` behind API keys, and only `localhost` while there are none."""


class AuthSettings(_Part):
    """Who may use the service. With no API key made, everybody on this machine."""

    allow_open: bool = False
    """Whether other machines are served too while no API key was made."""

    open_rate_per_minute: Annotated[int, Field(ge=0)] = 0
    """Requests that one address may make in a minute while no API key was made; 0 for no limit."""

    grace_seconds: Annotated[float, Field(ge=0)] = 600.0
    """Seconds that API keys go on working when the database is away, over a restart as well."""


class LimitSettings(_Part):
    """What one request may cost. All are checked before the cost arises."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 64 * MIB
    """Largest request body, in bytes."""

    max_pages: Annotated[int, Field(ge=1)] = 500
    """Most pages that one request may ask for."""

    max_page_pixels: Annotated[int, Field(ge=1)] = 120_000_000
    """Most pixels of one page as stored."""

    max_side_px: Annotated[int, Field(ge=1)] = 32_767
    """Longest side of one page as stored, in pixels."""

    page_seconds: Annotated[float, Field(gt=0)] = 30.0
    """Seconds that reading one page may take once a lane has it."""

    decode_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds of processor time that decoding or rendering one page may take."""

    decoder_memory_bytes: Annotated[int, Field(ge=256 * MIB)] = 1536 * MIB
    """Memory that the process which decodes untrusted bytes may take."""

    request_seconds: Annotated[float, Field(gt=0)] = 300.0
    """Seconds after which a request that is not answered ends with 504."""

    upload_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that a request body may take to arrive."""

    upload_idle_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds of silence after which a half-sent body is given up."""


class PoolSettings(_Part):
    """Lanes, and how much work may wait for them."""

    lanes: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that read pages side by side; 0 takes one for each processor core."""

    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Most threads that one lane uses when it works alone; 0 takes the cores, at most 4."""

    max_queue_seconds: Annotated[float, Field(gt=0)] = 30.0
    """A document that would have to wait longer than this for its share is refused with 429."""

    max_documents: Annotated[int, Field(ge=0)] = 0
    """Documents that may be in work or waiting at once; 0 takes 32 for each lane."""

    recycle_pages: Annotated[int, Field(ge=1)] = 5000
    """Pages after which a lane is replaced by a new process."""

    lane_rss_bytes: Annotated[int, Field(ge=128 * MIB)] = 1536 * MIB
    """Resident memory above which a lane is replaced after its page."""

    lane_memory_bytes: Annotated[int, Field(ge=256 * MIB)] = 4096 * MIB
    """Memory that a lane may never exceed: the page that asks for more fails."""

    start_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that a lane may take to load its engine."""

    backoff_max_seconds: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait between two attempts to start a lane that keeps dying."""

    idle_unload_seconds: Annotated[float, Field(ge=0)] = 0.0
    """Seconds without a page after which the lanes of an extra engine end and give their memory
    back; they start again when they are needed. 0 never."""


class PpocrSettings(_Part):
    """The PP-OCR engine."""

    tier: Literal["tiny", "small", "medium", "server"] = "small"
    """Model size; `small` ships in a package, the others come with `maoocr models pull`."""

    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Arithmetic of the models; `auto` takes bf16 where the processor has it."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """`cpu`, `cuda` or `cuda:N`; `auto` takes a CUDA device where ONNX Runtime offers one."""

    batch_pages: Annotated[int, Field(ge=1, le=256)] = 8
    """Pages of one batch on a CUDA device."""


class VlmSettings(_Part):
    """A model behind an OpenAI-compatible server; `MAOOCR_ENGINES_FILE` may name more of them."""

    url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Base of its API, such as `http://vllm:8000`; empty for none."""

    model: str = ""
    """Name under which the server knows the model."""

    family: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")] = "auto"
    """Prompt and parser of the model; `auto` tells it from the model's name."""

    api_key: str = Field(default="", pattern=r"^[!-~]*$", repr=False)
    """Key that the server asks for; empty for none."""

    engine: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")] = "vlm"
    """Name of the engine, in answers and as `engine` of a request."""

    privacy: Literal["local", "remote"] = "local"
    """`remote` where pages leave this site: requests that must stay local never go there."""

    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    """Calls at once."""

    connect_seconds: Annotated[float, Field(gt=0)] = 3.0
    """Seconds that connecting may take; like the next three also the default of the file."""

    first_token_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Seconds from a request to the first piece of its answer."""

    idle_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds of silence after which an answer that has begun is given up."""

    total_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that one call may take in all."""

    breaker_failures: Annotated[int, Field(ge=1, le=1000)] = 3
    """Failures within the window after which an endpoint is left alone for a while."""

    breaker_window_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds for which a failure counts."""

    breaker_cooldown_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Seconds before an endpoint that was left alone is tried again; doubles up to 12 times."""

    probe_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Seconds between two looks at an endpoint's health."""

    sleep_after_seconds: Annotated[float, Field(ge=0)] = 0.0
    """Seconds without a call after which a local vLLM is put to sleep, and woken when it is needed;
    0 never. It has to run with `--enable-sleep-mode` and `VLLM_SERVER_DEV_MODE=1`."""

    wake_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Seconds that waking may take."""

    v1_privacy: Literal["local", "any"] = "local"
    """Whether calls of `/v1` may leave this site where they do not say so themselves, by the header
    `X-MaoOCR-Privacy`."""

    v1_max_tokens: Annotated[int, Field(ge=1)] = 8192
    """Most tokens of an answer that a call of `/v1` may ask for."""

    v1_max_choices: Annotated[int, Field(ge=1, le=128)] = 4
    """Most answers that a call of `/v1` may ask for (`n`)."""

    v1_parameters: Annotated[str, Field(pattern=r"^\w*( *, *\w+)*$")] = ""
    """Parameters of calls of `/v1` that are passed on beside those of OpenAI, with commas between;
    of vLLM's some change what other callers get."""

    v1_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Share of an engine's slots that calls of `/v1` may take; the rest stays with documents."""

    v1_max_waiting: Annotated[int, Field(ge=0)] = 64
    """Calls of `/v1` that may wait for a slot of one engine; more are refused with 429."""


class ModelSettings(_Part):
    """Where `maoocr models pull` fetches the weights of vision-language models."""

    hub_url: str = Field(default="https://huggingface.co", pattern=r"^https?://\S+$")
    """Model hub, or a mirror of it that speaks the same protocol."""

    parallel: Annotated[int, Field(ge=1, le=32)] = 4
    """Files of one model that are fetched at once."""


class PaddleSettings(_Part):
    """The PaddleOCR engine; `scripts/install --paddle` installs what it needs."""

    lanes: Annotated[int, Field(ge=0, le=256)] = 1
    """Processes that read with it beside the default engine; 0 takes as many as that one has."""

    runtime: Literal["auto", "onnxruntime", "paddle"] = "auto"
    """What runs the models; `auto` takes ONNX Runtime where the folders hold ONNX files."""

    detection: Annotated[str, Field(pattern=r"^(auto|\w*PP-OCRv[\w.-]+)$")] = "auto"
    """Folder of the text detector below `paddle` in the models' folder; `auto` takes the best there
    is."""

    recognition: Annotated[str, Field(pattern=r"^(auto|\w*PP-OCRv[\w.-]+)$")] = "auto"
    """Folder of the text recognizer, which decides on the languages, likewise."""

    max_side_px: Annotated[int, Field(ge=320, le=4000)] = 1280
    """Longest side, in pixels, at which text is looked for; more finds smaller text, and takes
    time and memory with its square."""

    textline_orientation: bool = True
    """Turn lines that stand on their heads, where the model for it is there."""

    page_orientation: bool = True
    """Turn pages that lie or stand on their heads, where the model for it is there."""

    unwarping: bool = True
    """Flatten photographs of bent pages, where the model for it is there; the lines of such pages
    have no polygons of their own."""

    structure: bool = True
    """Find blocks, tables and formulas with PP-StructureV3, where its models are there."""


class CacheSettings(_Part):
    """The result cache."""

    max_bytes: Annotated[int, Field(ge=0)] = 64 * MIB
    """Memory for cached answers in one process; 0 turns the cache off."""

    ttl_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    """Seconds after which a cached answer is computed anew."""

    max_value_bytes: Annotated[int, Field(ge=0)] = 8 * MIB
    """Largest answer, compressed, that is kept in Redis."""

    command_seconds: Annotated[float, Field(gt=0, le=10)] = 0.25
    """Seconds that one command to Redis may take; after that the service goes on without it."""

    prefix: Annotated[str, Field(pattern=r"^[\w.-]{1,40}$")] = "maoocr"
    """What every name in Redis begins with; another one for each of several installations."""


class HistorySettings(_Part):
    """Answers that are kept."""

    enabled: bool = True
    """Keep each answer; what was kept before can be read either way."""

    thumbnails: bool = True
    """Keep a small picture of the first page with each answer."""

    keep_originals: bool = False
    """Also keep what was uploaded, in the state folder."""

    max_age_days: Annotated[float, Field(ge=0, le=36_500)] = 0.0
    """Days after which an answer is deleted; 0 keeps them."""

    max_rows: Annotated[int, Field(ge=0)] = 0
    """Most answers that are kept, of all callers together; 0 is no limit."""


class SpoolSettings(_Part):
    """Where uploads lie while they are read."""

    dir: Path | None = None
    """Folder for uploads; empty takes a private one in the system's temporary folder."""

    memory_bytes: Annotated[int, Field(ge=0)] = 1 * MIB
    """Uploads up to this size touch the disk only when they have to be read."""


class OutboundSettings(_Part):
    """Addresses that callers name: `image_url`, and webhooks of jobs."""

    image_url: bool = False
    """Whether documents are fetched from the URL that a caller gives."""

    allow: str = ""
    """Addresses, networks (CIDR) and host names (`*.` takes all below) that may be dialled though
    they are private or denied, with commas between."""

    deny: str = ""
    """The same that may not be dialled though they are public; `0.0.0.0/0,::/0` leaves only what is
    allowed."""

    ports: Annotated[str, Field(pattern=r"^\d{1,5}( *, *\d{1,5})*$")] = "80,443"
    """Ports that may be dialled, with commas between."""

    connect_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Seconds that looking up a name, and then connecting, may take."""

    idle_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Seconds of silence after which an answer is given up."""

    fetch_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds that fetching a document may take in all, with the wait for its turn."""

    max_redirects: Annotated[int, Field(ge=0, le=20)] = 3
    """Redirects that a fetch follows; each is checked like the first address."""

    fetches: Annotated[int, Field(ge=1, le=1024)] = 8
    """Documents that one gateway fetches at once, half of them for one caller; more wait."""

    webhook_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds that delivering one webhook may take in all."""

    @field_validator("allow", "deny")
    @classmethod
    def _entries_are_clear(cls, entries: str) -> str:
        # An entry that matches nothing would leave open what the operator believes to be closed.
        for entry in filter(None, map(str.strip, entries.split(","))):
            if "/" in entry or ":" in entry or entry.replace(".", "").isdigit():
                ip_network(entry)
            elif not _HOST_NAME.fullmatch(entry):
                raise ValueError(f"{entry!r} is no address, network (CIDR) or host name")
        return entries


class JobSettings(_Part):
    """Jobs: many documents that are read in the background."""

    max_files: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Most documents of one job."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 2048 * MIB
    """Largest body of a request that makes a job, in bytes; each document in it has the limits of a
    single one."""

    upload_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds that the body of such a request may take to arrive."""

    lease_seconds: Annotated[float, Field(ge=1)] = 30.0
    """Seconds after which the pages of a process that died are taken over."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 4
    """Attempts at a page that fails for reasons which may pass."""

    poll_seconds: Annotated[float, Field(gt=0)] = 2.0
    """Seconds between two looks for work that nobody told of."""

    keep_days: Annotated[float, Field(gt=0)] = 30.0
    """Days after its end for which a job's results are kept."""

    blobs_url: str = Field(default="", pattern=r"^(s3://[a-z0-9][a-z0-9.-]+(/[\w./-]*)?)?$")
    """Where uploads lie until they are read: `s3://bucket/prefix`, of Amazon S3 or of the server at
    `AWS_ENDPOINT_URL`; empty is a folder in the state folder."""

    webhook_secret: str = Field(default="", pattern="^(.{16,})?$", repr=False)
    """Signs the webhooks of jobs, 16 characters at least; empty refuses `webhook_url`."""

    webhook_attempts: Annotated[int, Field(ge=1, le=100)] = 8
    """Attempts at delivering a webhook, over about two hours."""


class CostSettings(_Part):
    """What reading costs, for `GET /api/ocr/costs`."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """Of all prices, budgets and costs, as ISO 4217 names it."""

    local_per_month: Decimal | None = Field(default=None, ge=0, le=10**9)
    """Money that the machine here costs in a month, however much it reads: rent, power, write-off;
    empty where nobody knows."""

    remote_per_page: Decimal | None = Field(default=None, ge=0, le=10**6)
    """Money that a page costs at a remote endpoint, to compare with; empty takes what was
    measured."""


class LogSettings(_Part):
    """Logging; the text of documents is never logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""

    format: Literal["json", "text"] = "json"
    """One JSON object a line, or plain text."""


class Settings(BaseSettings):
    """The whole tree; `Settings()` reads the environment and `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="MAOOCR_",
        env_nested_delimiter="__",
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        populate_by_name=True,
    )

    model_path: Path = Field(
        default=Path("models"), validation_alias=AliasChoices("MODEL_PATH", "model_path")
    )
    """Folder of downloaded models, shared with the inference containers."""

    hf_token: str = Field(
        default="",
        pattern=r"^[!-~]*$",
        validation_alias=AliasChoices("HF_TOKEN", "hf_token"),
        repr=False,
    )
    """Token of an account of the model hub, for models that are gated; empty for none."""

    web_concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, validation_alias=AliasChoices("WEB_CONCURRENCY", "web_concurrency")
    )
    """Gateway processes; the lanes are divided among them."""

    database_url: str = Field(
        default="",
        pattern=r"^((postgres(ql)?|sqlite)(\+\w+)?://.+)?$",
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        repr=False,
    )
    """Database for history, jobs and keys: `postgresql://…` or `sqlite:///file`; empty keeps a
    SQLite file in the state folder."""

    redis_url: str = Field(
        default="",
        pattern=r"^((rediss?|unix)://.+)?$",
        validation_alias=AliasChoices("REDIS_URL", "redis_url"),
        repr=False,
    )
    """Redis that replicas share for answers, rates and progress; empty keeps them in memory."""

    aws_endpoint_url: str = Field(
        default="",
        pattern=r"^(https?://.+)?$",
        validation_alias=AliasChoices("AWS_ENDPOINT_URL", "aws_endpoint_url"),
    )
    """Server that speaks the protocol of S3 (`MAOOCR_JOBS__BLOBS_URL`); empty is Amazon's."""

    aws_region: str = Field(
        default="",
        pattern=r"^[a-z0-9-]*$",
        validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION", "aws_region"),
    )
    """Region of the bucket."""

    aws_access_key_id: str = Field(
        default="", validation_alias=AliasChoices("AWS_ACCESS_KEY_ID", "aws_access_key_id")
    )
    """Access key of the bucket; empty takes what the machine itself is given, such as a role."""

    aws_secret_access_key: str = Field(
        default="",
        validation_alias=AliasChoices("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"),
        repr=False,
    )
    """Secret of that access key."""

    state_dir: Path = Path("data")
    """Folder of what must outlive a restart: the embedded database, the journal, jobs' uploads."""

    engine: str = "ppocr"
    """Engine that reads when a request names none."""

    extra_engines: str = ""
    """Engines that are loaded beside it, with commas between: `paddle`."""

    engines_file: Path | None = None
    """File with the engines' abilities and the endpoints; empty takes `configs/engines.yaml`."""

    local_files_root: Path | None = None
    """Folder below which `image_path` may name files; empty turns `image_path` off."""

    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    pool: PoolSettings = PoolSettings()
    ppocr: PpocrSettings = PpocrSettings()
    paddle: PaddleSettings = PaddleSettings()
    vlm: VlmSettings = VlmSettings()
    models: ModelSettings = ModelSettings()
    cache: CacheSettings = CacheSettings()
    history: HistorySettings = HistorySettings()
    spool: SpoolSettings = SpoolSettings()
    jobs: JobSettings = JobSettings()
    outbound: OutboundSettings = OutboundSettings()
    costs: CostSettings = CostSettings()
    log: LogSettings = LogSettings()
