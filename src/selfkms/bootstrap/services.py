"""The services behind the gate: model, wire and operations of each.

IAM has no Regions: its records stand in us-east-1, as on AWS.
"""

from selfkms.gate.handle import Service
from selfkms.protocol.model import ServiceModel
from selfkms.protocol.wire import JSON_WIRE, EC2Wire, QueryWire, RestJSONWire
from selfkms.services.cloudtrail.table import OPERATIONS as CLOUDTRAIL
from selfkms.services.ebs.table import DIRECT, EC2
from selfkms.services.iam.table import OPERATIONS as IAM
from selfkms.services.kms.table import OPERATIONS as KMS
from selfkms.services.sts.table import OPERATIONS as STS


def services() -> dict[str, Service]:
    """The services by their signing names: some tens of milliseconds."""
    kms, iam, sts, cloudtrail = (ServiceModel.load(name) for name in ("kms", "iam", "sts", "cloudtrail"))
    # The model of Amazon EC2 is a hundred times as large as what is served of it.
    ec2, ebs = ServiceModel.on_demand("ec2", only=EC2), ServiceModel.on_demand("ebs", only=DIRECT)
    return {
        "kms": Service(signing_name="kms", model=kms, wire=JSON_WIRE, operations=KMS),
        "iam": Service(signing_name="iam", model=iam, wire=QueryWire(iam), operations=IAM, region="us-east-1"),
        "sts": Service(signing_name="sts", model=sts, wire=QueryWire(sts), operations=STS),
        "cloudtrail": Service(signing_name="cloudtrail", model=cloudtrail, wire=JSON_WIRE, operations=CLOUDTRAIL),
        "ec2": Service(signing_name="ec2", model=ec2, wire=EC2Wire(), operations=EC2),
        "ebs": Service(signing_name="ebs", model=ebs, wire=RestJSONWire(ebs), operations=DIRECT),
    }
