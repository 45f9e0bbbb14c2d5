"""What clinical tables are wont to call their columns, and the values in them."""

import re

# Headers as they are compared: small letters and digits alone. The first that a table has is taken.
HEADERS: dict[str, tuple[str, ...]] = {
    "participant_id": (
        "participantid", "participant", "subjectid", "subject", "sub", "patientid", "patient", "pseudonym", "recordid",
        "studyid", "id",
    ),
    "session_id": ("sessionid", "session", "ses", "visitid", "visit", "timepoint", "redcapeventname", "wave"),
    "visit_date": ("visitdate", "scandate", "mridate", "sessiondate", "examdate", "acqdate", "date"),
    "birth_date": ("birthdate", "dateofbirth", "dob", "born"),
    "onset_date": ("onsetdate", "dateofonset", "firstsymptom", "dateoffirstsymptom"),
    "sex": ("sex", "gender", "biologicalsex"),
    "group": ("group", "diagnosis", "dx", "mstype", "subtype", "mssubtype", "diseasecourse", "course", "phenotype"),
    "site": ("site", "siteid", "centre", "center", "scanner", "hospital"),
    "in_ground_truth": ("ingroundtruth", "manualmask", "hasmanualmask"),
    "age_years": ("ageyears", "age", "ageatscan", "ageatmri", "ageatvisit", "ageatbaseline", "agey"),
    "disease_duration_years": (
        "diseasedurationyears", "diseaseduration", "diseasedurationmonths", "dd", "durationyears", "duration",
        "yearssinceonset",
    ),
    "attacks": ("attacks", "relapses", "nrelapses", "numberofrelapses", "relapsecount"),
    "edss": ("edss", "edssscore", "edsstotal"),
    "t25fw_1_s": ("t25fw1s", "t25fw1", "t25fw", "25fwt", "25fwt1", "t25w", "timed25footwalk"),
    "t25fw_2_s": ("t25fw2s", "t25fw2", "25fwt2"),
    "nhpt_1_s": ("nhpt1s", "nhpt1", "nhpt", "9hpt", "9hpt1", "nineholepegtest"),
    "nhpt_2_s": ("nhpt2s", "nhpt2", "9hpt2"),
    "sdmt": ("sdmt", "sdmtcorrect", "sdmtscore", "symboldigit"),
    "interval_years": (
        "intervalyears", "interval", "daysfrombaseline", "dayssincebaseline", "daysfromfirstvisit", "intervaldays",
        "monthsfrombaseline", "yearsfrombaseline", "timesincebaseline",
    ),
    "steroids_since_last": ("steroidssincelast", "steroids", "corticosteroids", "cortisone"),
}  # fmt: skip
UNIT_KEYS = {
    "disease_duration_years": "disease_duration", "interval_years": "interval", "t25fw_1_s": "t25fw", "nhpt_1_s": "nhpt",
}  # fmt: skip
UNIT_WORDS = (("days", r"days?"), ("months", r"months?"), ("years", r"years?|yrs?"), ("min", r"min(utes?)?"))
SEX_WORDS = {"f": "F", "female": "F", "woman": "F", "w": "F", "m": "M", "male": "M", "man": "M"}
GROUP_WORDS = {
    "hc": "HC", "control": "HC", "controls": "HC", "healthy": "HC", "healthycontrol": "HC", "con": "HC", "rr": "RRMS",
    "rrms": "RRMS", "relapsingremitting": "RRMS", "relapsing": "RRMS", "sp": "PMS", "spms": "PMS", "pp": "PMS",
    "ppms": "PMS", "pr": "PMS", "pms": "PMS", "progressive": "PMS", "secondaryprogressive": "PMS",
    "primaryprogressive": "PMS", "cis": "CIS", "ris": "RIS", "on": "iON", "ion": "iON", "opticneuritis": "iON",
    "nmo": "NMOSD", "nmosd": "NMOSD", "mogad": "MOGAD", "mog": "MOGAD", "ms": "MS", "multiplesclerosis": "MS",
    "unknown": "unknown",
}  # fmt: skip
MISSING_TEXT = {".", "-", "?", "nan", "null", "none", "unknown", "missing", "nd"}
MISSING_CODES = {"-9", "-99", "-999", "-9999", "999", "9999", "-1"}


def folded(text: str) -> str:
    """Return text as headers and words are compared.

    Examples
    --------
    >>> folded("Disease_Duration (years)")
    'diseasedurationyears'
    """
    return re.sub(r"[^a-z0-9]", "", text.casefold())
