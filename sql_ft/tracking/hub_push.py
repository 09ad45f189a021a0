"""An exported folder, uploaded to a model hub."""

from __future__ import annotations

from pathlib import Path

from sql_ft.errors import ModelError, TrackingError

_SETTING = "--push"


def push_folder(folder: Path, repo_id: str, *, message: str, private: bool = True) -> str:
    """Create the repository if need be and upload every file in one commit.

    The endpoint and the token come from ``HF_ENDPOINT`` and ``HF_TOKEN`` (or a login).

    Args:
        folder: As `export_adapter` or `export_merged` wrote it.
        repo_id: ``owner/name``.
        message: Of the commit.
        private: Whether a repository that is created now is private.

    Returns:
        The commit's address.

    Raises:
        ModelError: `repo_id` is no name of a repository.
        TrackingError: The hub is offline, unreachable, or refused.
    """
    import httpx
    from huggingface_hub import HfApi, constants, errors
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo_id)
    except errors.HFValidationError as error:
        raise ModelError(
            f"{repo_id!r} is no repository: {_first_line(error)}",
            setting=_SETTING,
            expected="owner/name",
        ) from error
    api = HfApi()
    if constants.is_offline_mode():
        raise TrackingError(
            f"cannot push to {repo_id}: HF_HUB_OFFLINE is set",
            setting=_SETTING,
            expected="HF_HUB_OFFLINE unset and a hub that can be reached; the folder is "
            f"complete at {folder}",
        )
    try:
        api.create_repo(repo_id, repo_type="model", private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id, repo_type="model", folder_path=folder, commit_message=message
        )
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise TrackingError(
            f"{api.endpoint} refused to take {repo_id} ({status}): {_first_line(error)}",
            setting=_SETTING,
            expected="a token that may write there, in HF_TOKEN"
            if status in (401, 403)
            else f"a repository that can be written; the folder is complete at {folder}",
        ) from error
    except (httpx.HTTPError, OSError) as error:
        raise TrackingError(
            f"cannot reach {api.endpoint} to push {repo_id}: {_first_line(error)}",
            setting=_SETTING,
            expected=f"a hub that can be reached; the folder is complete at {folder}",
        ) from error
    return str(commit.commit_url)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
