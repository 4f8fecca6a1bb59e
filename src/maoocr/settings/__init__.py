"""Every setting of the service, as one frozen tree.

The environment names are `MAOOCR_` and the path with `__` (`MAOOCR_LIMITS__MAX_PAGES`); a few keep
the name that operators know from elsewhere (`MODEL_PATH`, `WEB_CONCURRENCY`). An empty value is the
default. With `_FILE` behind it a name gives the file that holds the value (see `files`). Nothing
reads the environment but `Settings()`, and nothing reads it at import.
"""

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .engines import ModelSettings, PaddleSettings, PpocrSettings, VlmSettings
from .files import put_files_in
from .outbound import OutboundSettings
from .service import AuthSettings, LogSettings, ServerSettings
from .state import CacheSettings, CostSettings, HistorySettings, JobSettings
from .work import LimitSettings, PoolSettings, SpoolSettings

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
        # What is wrong may be half of a password, and the message goes to the log.
        hide_input_in_errors=True,
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then `.env`; each of the latter with its files."""
        variables = (env_settings, dotenv_settings)
        put_files_in(settings_cls, *(s for s in variables if isinstance(s, EnvSettingsSource)))
        return init_settings, *variables
