"""Which entity types exist, so that a misspelled one in a configuration or policy is an error and no silent gap.

The list is that of the Presidio that veilog was built with, so that nothing needs to be imported to look a name up.
A name that is not in it is asked of the installed Presidio, which may be a later one, before it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from veilog_filters.detect.personal.pack import PACK
from veilog_filters.detect.secrets import ADDRESSES, SECRETS

PRESIDIO: Final = frozenset(
    """
    ABA_ROUTING_NUMBER AGE AU_ABN AU_ACN AU_MEDICARE AU_TFN CA_POSTAL_CODE CA_SIN CREDIT_CARD CRYPTO DATE_TIME
    DE_BSNR DE_FUEHRERSCHEIN DE_HANDELSREGISTER DE_HEALTH_INSURANCE DE_ID_CARD DE_KFZ DE_LANR DE_PASSPORT DE_PLZ
    DE_SOCIAL_SECURITY DE_TAX_ID DE_TAX_NUMBER DE_VAT_ID EMAIL EMAIL_ADDRESS ES_NIE ES_NIF ES_PASSPORT
    FI_PERSONAL_IDENTITY_CODE IBAN_CODE ID IN_AADHAAR IN_GSTIN IN_PAN IN_PASSPORT IN_VEHICLE_REGISTRATION
    IN_VOTER IP_ADDRESS IT_DRIVER_LICENSE IT_FISCAL_CODE IT_IDENTITY_CARD IT_PASSPORT IT_VAT_CODE KR_BRN
    KR_DRIVER_LICENSE KR_FRN KR_PASSPORT KR_RRN LOCATION MAC_ADDRESS MEDICAL_LICENSE NG_NIN
    NG_VEHICLE_REGISTRATION NRP ORGANIZATION PERSON PHONE_NUMBER PH_PASSPORT PH_TIN PH_UMID PL_PESEL
    SE_ORGANISATIONSNUMMER SE_PERSONNUMMER SG_NRIC_FIN SG_UEN TH_TNIN TR_LICENSE_PLATE TR_NATIONAL_ID
    UK_DRIVING_LICENCE UK_NHS UK_NINO UK_PASSPORT UK_POSTCODE UK_VEHICLE_REGISTRATION URL US_BANK_NUMBER
    US_CLAIM_NUMBER US_DRIVER_LICENSE US_HEALTH_INSURANCE_MEMBER_ID US_ITIN US_MBI US_NPI US_PASSPORT
    US_PRESCRIPTION_NUMBER US_PRIOR_AUTHORIZATION_NUMBER US_PROVIDER_TAX_ID US_REFERRAL_NUMBER US_SSN UUID
    ZA_COMPANY_REGISTRATION ZA_DRIVER_LICENSE ZA_ID_NUMBER ZA_INCOME_TAX_NUMBER ZA_LICENSE_PLATE
    ZA_MOBILE_NUMBER ZA_PASSPORT ZA_TELEPHONE_NUMBER ZA_TRAFFIC_REGISTER_NUMBER ZA_VAT_NUMBER
    """.split()  # noqa: SIM905 - a hundred lines otherwise
)
"""Of its pattern recognizers, those that are off by default too, and of models."""

OURS: Final = frozenset(found.entity for found in (*ADDRESSES, *SECRETS)) | {found.entity for found in PACK}
"""Of our own patterns."""

MARKS: Final = frozenset({"TIMED_OUT"})
"""What stands for a text that could not be looked at in time, as if it were an entity type."""

KNOWN: Final = PRESIDIO | OURS | MARKS
"""All that can be told without importing Presidio."""


def exists(name: str, custom: Iterable[str] = ()) -> bool:
    """Whether some recognizer, in whatever configuration, finds such an entity type.

    Args:
        name: the entity type.
        custom: entity types of recognizers that are written in the configuration.
    """
    if name in KNOWN or name in custom:
        return True
    from veilog_filters.detect.presidio.catalogue import all_entities

    return name in all_entities()
