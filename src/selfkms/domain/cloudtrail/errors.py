"""The errors of AWS CloudTrail, each named as AWS names it.

Source: CloudTrail API Reference, "LookupEvents", "CreateTrail", "UpdateTrail", "PutEventSelectors", "AddTags", Errors.
"""

from selfkms.domain.errors import AWSError


class InvalidLookupAttributesException(AWSError):
    """A lookup attribute is not one, has no value that it could have, or is one too many."""


class InvalidTimeRangeException(AWSError):
    """The start time is after the end time, or one of them is outside the range of possible values."""


class InvalidMaxResultsException(AWSError):
    """The number of results asked for is not between 1 and 50."""


class InvalidNextTokenException(AWSError):
    """The token is none of ours, or comes from a request with other parameters."""


class InvalidEventCategoryException(AWSError):
    """There is no such event category."""


class UnsupportedOperationException(AWSError):
    """The operation is not supported."""


class TrailNotFoundException(AWSError):
    """There is no trail of that name."""


class TrailAlreadyExistsException(AWSError):
    """There is a trail of that name."""


class InvalidTrailNameException(AWSError):
    """A trail cannot be called so."""


class CloudTrailARNInvalidException(AWSError):
    """An ARN of a trail was expected, and this is none."""


class InvalidHomeRegionException(AWSError):
    """A trail is changed in its home Region only."""


class MaximumNumberOfTrailsExceededException(AWSError):
    """The account has as many trails in this Region as it may have."""


class S3BucketDoesNotExistException(AWSError):
    """There is no such bucket."""


class InsufficientS3BucketPolicyException(AWSError):
    """Nothing may be written to the bucket."""


class InvalidS3BucketNameException(AWSError):
    """A bucket cannot be called so."""


class InvalidS3PrefixException(AWSError):
    """Keys in a bucket cannot begin so."""


class InvalidParameterCombinationException(AWSError):
    """Two parameters exclude each other."""


class InvalidEventSelectorsException(AWSError):
    """An event selector is not one, or there are too many."""


class InvalidTagParameterException(AWSError):
    """A tag has a key that is reserved, or that another one has."""


class TagsLimitExceededException(AWSError):
    """More tags than a trail may have."""


class ResourceTypeNotSupportedException(AWSError):
    """The resource is of a type that has no tags here."""


class OrganizationsNotInUseException(AWSError):
    """The account is in no organization."""


class InvalidTokenException(AWSError):
    """The token is none of ours."""


class ResourceNotFoundException(AWSError):
    """There is no resource with that ARN."""
