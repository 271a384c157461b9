"""The published models, read and compiled."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest

from selfkms.domain.errors import ValidationException
from selfkms.protocol import model
from selfkms.protocol.model import ServiceModel


def test_the_model_of_kms_is_botocores(kms: ServiceModel) -> None:
    """Operations, their outputs and the prefix are the ones that clients use."""
    published = botocore.session.get_session().get_service_model("kms")
    assert kms.target_prefix == published.metadata["targetPrefix"] == "TrentService"
    assert set(kms.operations) == set(published.operation_names)
    for name, operation in kms.operations.items():
        output = published.operation_model(name).output_shape
        assert operation.name == name
        assert operation.output_shape == (output.name if output else None)


@pytest.mark.parametrize("service", ["iam", "sts"])
def test_the_models_of_the_query_protocol(service: str) -> None:
    """Inputs, outputs, wrappers, version and namespace are the ones that clients use; there is no X-Amz-Target."""
    loaded = ServiceModel.load(service)
    published = botocore.session.get_session().get_service_model(service)
    assert loaded.target_prefix == ""
    assert loaded.api_version == published.api_version
    assert loaded.xml_namespace == published.metadata["xmlNamespace"]
    assert set(loaded.operations) == set(published.operation_names)
    for name, operation in loaded.operations.items():
        told = published.operation_model(name)
        assert operation.xml_namespace == loaded.xml_namespace
        assert operation.input_shape == (told.input_shape.name if told.input_shape else None)
        assert operation.output_shape == (told.output_shape.name if told.output_shape else None)
        wrapper = told.output_shape.serialization["resultWrapper"] if told.output_shape else None
        assert operation.result_wrapper == wrapper


@pytest.mark.parametrize("service", ["iam", "sts"])
def test_the_query_protocol_as_we_read_it(service: str) -> None:
    """No shape is flattened and no timestamp has a format of its own: neither the form nor the XML know of them."""
    [path] = (model._data() / service).glob("*/service-2.json*")
    text = model._read(path.with_suffix("") if path.suffix == ".gz" else path)
    assert b'"flattened"' not in text
    assert b'"timestampFormat"' not in text


def test_an_operation_without_input_takes_nothing() -> None:
    """Whatever is sent to it is unknown and left out."""
    operation = ServiceModel.load("iam").operations["GetAccountSummary"]
    assert operation.input_shape is None
    assert operation.validate({"UserName": "alice"}) == {}


def test_required_members_are_botocores(kms: ServiceModel) -> None:
    """An empty request misses exactly what the model requires."""
    published = botocore.session.get_session().get_service_model("kms")
    for name, operation in kms.operations.items():
        required = published.operation_model(name).input_shape.required_members
        if not required:
            assert operation.validate({}) == {}
            continue
        with pytest.raises(ValidationException) as raised:
            operation.validate({})
        for member in required:
            assert f"Value null at '{member[0].lower()}{member[1:]}'" in str(raised.value)


def test_sensitive_members(kms: ServiceModel) -> None:
    """What must never be logged is known by its name, in requests, answers and whatever they hold."""
    operations = kms.operations
    assert operations["Encrypt"].sensitive == {"Plaintext"}
    assert operations["GenerateDataKeyPair"].sensitive == {"PrivateKeyPlaintext"}
    assert operations["CreateCustomKeyStore"].sensitive == {"KeyStorePassword", "AccessKeyId", "RawSecretAccessKey"}
    assert operations["DescribeCustomKeyStores"].sensitive == {"AccessKeyId"}
    assert operations["ListKeys"].sensitive == frozenset()
    iam = ServiceModel.load("iam").operations
    assert iam["ChangePassword"].sensitive == {"OldPassword", "NewPassword"}
    assert iam["CreateAccessKey"].sensitive == {"SecretAccessKey"}


def test_regions() -> None:
    """All Regions of the partition `aws`, and no others."""
    assert {"us-east-1", "eu-central-1", "ap-southeast-2", "sa-east-1"} <= model.regions()
    assert not {"aws-global", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", ""} & model.regions()


def test_botocore_is_not_imported() -> None:
    """Its data is read, its code is not loaded: that would take longer than all the rest of a start."""
    code = (
        "import sys; from selfkms.protocol import model; model.ServiceModel.load('kms'); model.regions(); "
        "sys.exit('botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize("compressed", [True, False])
def test_the_newest_version_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, compressed: bool) -> None:
    """Of several versions of a model the newest is taken, compressed or not."""
    monkeypatch.setattr(model, "_data", lambda: tmp_path)
    for version in ("2013-11-01", "2026-01-01", "2014-11-01"):
        document = {
            "metadata": {"targetPrefix": version},
            "operations": {"Do": {"name": "Do", "input": {"shape": "Request"}}},
            "shapes": {"Request": {"type": "structure", "members": {}}},
        }
        folder = tmp_path / "toy" / version
        folder.mkdir(parents=True)
        text = json.dumps(document).encode()
        (folder / ("service-2.json.gz" if compressed else "service-2.json")).write_bytes(
            gzip.compress(text) if compressed else text
        )
    loaded = ServiceModel.load("toy")
    assert loaded.target_prefix == "2026-01-01"
    assert loaded.operations["Do"].validate({"a": 1}) == {}
    assert loaded.operations["Do"].output_shape is None


def test_only_what_is_wanted() -> None:
    """Of a large service the wanted operations are there, with the shapes that they use and no others."""
    wanted = ["DeleteSnapshot", "CreateTags"]
    loaded = ServiceModel.load("ec2", only=wanted)
    assert list(loaded.operations) == wanted
    shapes = loaded.operations["CreateTags"].shapes
    assert {"CreateTagsRequest", "DeleteSnapshotRequest", "Tag", "String"} <= set(shapes)
    assert "RunInstancesRequest" not in shapes
    with pytest.raises(KeyError):
        ServiceModel.load("ec2", only=["Invented"])


def test_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read before an operation is looked for, and then once."""
    reads: list[str] = []
    service_file = model._service_file

    def counted(service: str) -> model._ServiceFile:
        reads.append(service)
        return service_file(service)

    monkeypatch.setattr(model, "_service_file", counted)
    lazy = ServiceModel.on_demand("ec2", only=["DeleteSnapshot"])
    assert (lazy.target_prefix, lazy.api_version, lazy.xml_namespace) == ("", "2016-11-15", "")
    assert reads == []
    assert "DeleteSnapshot" in lazy.operations
    assert lazy.operations.get("RunInstances") is None
    assert (len(lazy.operations), list(lazy.operations)) == (1, ["DeleteSnapshot"])
    assert reads == ["ec2"]


def test_the_model_of_a_rest_protocol() -> None:
    """Methods, paths, statuses and unsigned bodies are the ones that clients use."""
    loaded = ServiceModel.load("ebs")
    published = botocore.session.get_session().get_service_model("ebs")
    assert set(loaded.operations) == set(published.operation_names)
    for name, operation in loaded.operations.items():
        told = published.operation_model(name)
        http = (operation.method, operation.uri, operation.success_status)
        assert http == (told.http["method"], told.http["requestUri"], told.http.get("responseCode", 200))
        assert operation.unsigned_payload is (name == "PutSnapshotBlock")
