"""Tests downloads from a server that behaves as the Hugging Face Hub does."""

import json
import time

import pytest

from keras_attn.applications import ViT, from_pretrained
from keras_attn.applications.pretrained import entries, hashes, repositories
from tests.keras_attn.applications.pretrained.hub_server import COMMIT, Hub
from tests.keras_attn.applications.pretrained.tables import (
    ARGUMENTS,
    assert_same,
)

huggingface_hub = pytest.importorskip(
    "huggingface_hub", reason="the client of the Hub is not installed"
)

from huggingface_hub import constants, file_download  # noqa: E402

pytestmark = pytest.mark.once

NAME = "timm/vit_tiny.in1k"


@pytest.fixture
def hub(monkeypatch, tmp_path, tables, published):
    hub = Hub()
    hub.repositories[NAME] = published
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    # The client waits between its attempts.
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    yield hub
    hub.stop()


def blob_of(tmp_path):
    """Returns the weights in the cache."""
    files = (tmp_path / "cache").rglob("blobs/*")
    (found,) = (f for f in files if len(f.name) == 64)
    return found


def test_downloads_once_and_then_uses_the_cache(hub, trained):
    assert_same(from_pretrained(NAME), trained)
    sent = [path for method, path in hub.requests if method == "GET"]
    assert [path.split("/")[1] for path in sent] == ["timm", "store"]
    hub.stop()
    # Otherwise an open connection breaks off, as in the next tests.
    huggingface_hub.close_session()
    asked = len(hub.requests)
    assert_same(from_pretrained(NAME), trained)
    assert len(hub.requests) == asked


def test_an_import_and_a_model_without_weights_ask_for_nothing(hub):
    ViT(input_shape=(16, 16, 3), classes=10, **ARGUMENTS)
    assert hub.requests == []


def test_a_constructor_takes_the_same_names(hub, trained):
    assert_same(ViT(weights=NAME, classes=10, **ARGUMENTS), trained)
    name = f"hf://{NAME}@v1"
    model = ViT(weights=name, classes=10, dropout=0.5, **ARGUMENTS)
    assert_same(model, trained)
    assert ("HEAD", f"/{NAME}/resolve/v1/model.safetensors") in hub.requests


def test_a_contradicting_argument_raises_before_the_download(hub):
    with pytest.raises(ValueError, match=r"epsilon=1e-05 .*need 1e-06"):
        ViT(weights=NAME, **ARGUMENTS, epsilon=1e-5)
    with pytest.raises(ValueError, match="Received: num_layers=2 .*need 1"):
        from_pretrained(NAME, num_layers=2)
    with pytest.raises(ValueError, match="`classes` must be"):
        from_pretrained(NAME, classes=-1)
    assert hub.requests == []


def test_a_broken_transfer_resumes(hub, trained, monkeypatch):
    # The client writes whole chunks only.
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.breaks_after = 5000
    try:
        model = from_pretrained(NAME)
    except ConnectionError:
        # Old clients resume in the next call.
        model = from_pretrained(NAME)
    assert_same(model, trained)
    assert len(hub.starts) == 2 and hub.starts[0] == 0 < hub.starts[1]


def test_a_transfer_that_stays_incomplete_raises(hub):
    hub.damage = lambda content: content[:-10]
    with pytest.raises(ConnectionError, match="must be complete.*Try again"):
        from_pretrained(NAME)


def test_other_content_raises_and_stays_for_inspection(hub, tmp_path):
    hub.damage = bytes.upper
    with pytest.raises(ValueError, match="must have the SHA-256") as caught:
        from_pretrained(NAME)
    blob = blob_of(tmp_path)
    assert str(blob) in str(caught.value)
    # The advice in the message works.
    hub.damage = None
    blob.unlink()
    from_pretrained(NAME)


def test_a_damaged_cache_raises(hub, tmp_path):
    from_pretrained(NAME)
    blob = blob_of(tmp_path)
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    for online in (True, False):
        if not online:
            hub.stop()
        with pytest.raises(ValueError, match="damaged or has been changed"):
            from_pretrained(NAME)


def test_a_hash_in_the_table_counts_more(hub):
    object.__setattr__(entries.table()[NAME], "sha256", "0" * 64)
    with pytest.raises(ValueError, match=f"must have the SHA-256 '{'0' * 64}"):
        from_pretrained(NAME)


@pytest.mark.parametrize("stated", ["", "a-tag", "0" * 32, "0" * 12])
def test_another_kind_of_hash_warns(stated, tmp_path):
    """Mirrors may state an MD5, which has 32 digits."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with pytest.warns(UserWarning, match="could not be verified"):
        hashes.check(path, stated, NAME)


class TestWithoutSymbolicLinks:
    """As on Windows, where the cache does not contain the hash."""

    @pytest.fixture(autouse=True)
    def no_links(self, monkeypatch):
        monkeypatch.setattr(
            file_download, "are_symlinks_supported", lambda *args: False
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS_WARNING", True)

    def test_the_hub_states_the_hash(self, hub, tmp_path):
        from_pretrained(NAME)
        (file,) = (tmp_path / "cache").rglob("snapshots/*/model.safetensors")
        assert not file.is_symlink()
        file.write_bytes(file.read_bytes()[:-1] + b"\0\0")
        with pytest.raises(ValueError, match="damaged"):
            from_pretrained(NAME)

    def test_offline_a_warning_says_that_it_is_unverified(self, hub):
        from_pretrained(NAME)
        hub.stop()
        with pytest.warns(UserWarning, match="could not be verified"):
            from_pretrained(NAME)


class TestErrors:
    def refused(self, name, message, kind=ValueError):
        with pytest.raises(kind, match=message):
            from_pretrained(name)

    def test_a_repository_that_does_not_exist(self, hub):
        self.refused("timm/vit_tiny.in21k", "does not find. Check the spelling")
        self.refused(
            "hf://someone/nothing", "does not find. Check the spelling"
        )

    def test_a_gated_repository(self, hub, monkeypatch):
        hub.gated.add(NAME)
        self.refused(NAME, "Accept the conditions on its page, then log in")
        monkeypatch.setenv("HF_TOKEN", "hf_token")
        from_pretrained(NAME)

    def test_a_revision_that_does_not_exist(self, hub):
        self.refused(f"hf://{NAME}@v2", "there is no revision 'v2'")

    def test_a_repository_without_such_a_file(self, hub, published):
        del published["model.safetensors"]
        published["pytorch_model.bin"] = b"\x80"
        self.refused(NAME, "contain the file 'model.safetensors'")

    def test_offline_mode(self, hub, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        self.refused(NAME, "in the cache if HF_HUB_OFFLINE", ConnectionError)
        assert hub.requests == []

    def test_no_network(self, hub):
        hub.stop()
        self.refused(NAME, "must be reachable.*weights=path", ConnectionError)

    def test_a_server_that_does_not_answer(self, hub, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.1)
        name = "_ETAG_RETRY_TIMEOUT"  # Old clients do not try again.
        monkeypatch.setattr(file_download, name, 0.1, raising=False)
        hub.is_silent = True
        self.refused(NAME, "must be reachable.*Check the net", ConnectionError)


class TestRepositories:
    """Repositories that no table contains."""

    def publish(self, hub, published, name="someone/net", **config):
        config = {"architecture": "vit_tiny", "num_classes": 10, **config}
        published["config.json"] = json.dumps(config).encode()
        hub.repositories[name] = published
        return f"hf://{name}"

    def test_the_architecture_is_looked_up(self, hub, published, trained):
        name = self.publish(hub, published, pretrained_cfg={"tag": "nc_in1k"})
        with pytest.warns(UserWarning, match="'cc-by-nc-4.0'"):
            assert_same(from_pretrained(name), trained)

    @pytest.mark.parametrize(
        ("tag", "license"), [("nc_in1k", "cc-by-nc-4.0"), ("in1k", ""), (1, "")]
    )
    def test_only_restrictions_of_a_licence_pass_on(
        self, hub, published, tag, license
    ):
        name = self.publish(hub, published, pretrained_cfg={"tag": tag})
        assert repositories.resolve(name).license == license

    def test_the_commit_of_a_file_can_be_pinned(self, hub, published):
        name = self.publish(hub, published)
        from_pretrained(f"{name}@{COMMIT}")
        hub.stop()
        from_pretrained(f"{name}@{COMMIT}")

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"architecture": "swin"}, "one of timm's.*architecture='swin'"),
            ({"architecture": ["vit_tiny"]}, "one of timm's"),
            ({"architecture": "vit_strange"}, "needs relative positions"),
            ({"model_args": {"act_layer": "relu"}}, r"for \['act_layer'\]"),
            ({"num_classes": -1}, "`num_classes` must be"),
            ({"pretrained_cfg": {"mean": [1]}}, "list of three numbers"),
            ({"pretrained_cfg": {"crop_pct": 9}}, "`crop_pct` must be"),
            ({"pretrained_cfg": {"input_size": [3, 8, 9]}}, "square RGB"),
        ],
    )
    def test_others_raise(self, hub, published, config, message):
        name = self.publish(hub, published, **config)
        with pytest.raises(ValueError, match=message):
            from_pretrained(name)
        assert not any("store" in path for _, path in hub.requests)

    def test_known_weights_of_another_network_raise(self, hub, published):
        self.publish(hub, published, NAME, architecture="vit_fast")
        with pytest.raises(ValueError, match="architecture 'vit_tiny'.*'vit_f"):
            from_pretrained(NAME)

    def test_a_shared_file_fits_both_networks(self, hub, published):
        shared = "timm/vit_fast.shared"
        self.publish(hub, published, shared, architecture="vit_fast")
        for name in (shared, "timm/vit_tiny.shared", f"hf://{shared}"):
            found = from_pretrained(name).get_layer("norm").epsilon
            assert found == (1e-6 if "tiny" in name else 1e-5)
