"""The role matrix: the one table that menus, screens, buttons, API and sockets obey (SPEC ACC-2, section 21).

A row is a resource, its columns the actions, each with the letters of the roles that may. Ownership narrows
further: P sees only
what is theirs. SYSTEM_AUDITOR (U) reads all and changes nothing, which tests hold against this table.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    SUPER_ADMIN = "SUPER_ADMIN"
    CLINIC_ADMIN = "CLINIC_ADMIN"
    LOCATION_HEAD = "LOCATION_HEAD"
    DOCTOR = "DOCTOR"
    NURSE = "NURSE"
    RECEPTIONIST = "RECEPTIONIST"
    PHARMACIST = "PHARMACIST"
    LAB_TECHNICIAN = "LAB_TECHNICIAN"
    PATIENT = "PATIENT"
    ACCOUNTANT = "ACCOUNTANT"
    FINANCE_BILLING = "FINANCE_BILLING"
    INVENTORY_MANAGER = "INVENTORY_MANAGER"
    SYSTEM_AUDITOR = "SYSTEM_AUDITOR"


LETTERS = {
    "S": Role.SUPER_ADMIN,
    "A": Role.CLINIC_ADMIN,
    "L": Role.LOCATION_HEAD,
    "D": Role.DOCTOR,
    "N": Role.NURSE,
    "R": Role.RECEPTIONIST,
    "H": Role.PHARMACIST,
    "T": Role.LAB_TECHNICIAN,
    "P": Role.PATIENT,
    "C": Role.ACCOUNTANT,
    "F": Role.FINANCE_BILLING,
    "I": Role.INVENTORY_MANAGER,
    "U": Role.SYSTEM_AUDITOR,
}

_STAFF = "SALDNRHTCFIU"
_CARE = "SALDNRU"
_MONEY_READ = "PDFRASCLU"

# fmt: off
MATRIX: dict[str, dict[str, str]] = {
    # organisation
    "clinic":           {"read": _STAFF + "P", "create": "S", "update": "SA", "delete": "S"},
    "location":         {"read": _STAFF + "P", "create": "SA", "update": "SA", "delete": "SA"},
    "room":             {"read": _STAFF, "create": "SAL", "update": "SAL", "delete": "SA"},
    "speciality":       {"read": _STAFF + "P", "create": "SA", "update": "SA", "delete": "SA"},
    "setting":          {"read": "SAU", "update": "SA"},
    "provider_account": {"read": "SAU", "create": "SA", "update": "SA", "delete": "SA", "test": "SA"},
    "global_provider_account": {"read": "SU", "create": "S", "update": "S", "delete": "S", "test": "S"},
    "user":             {"read": "SAU", "create": "SA", "update": "SA", "delete": "SA"},
    "member":           {"read": "SAU", "create": "SA", "update": "SA", "delete": "SA"},
    "profile":          {"read": _STAFF + "P", "update": "SALDNRHTCFIP"},
    # trail and machinery
    "audit_entry":      {"read": "SAU", "verify": "SAU"},
    "event":            {"read": "SAU", "replay": "SA"},
    "job":              {"read": "SAU", "retry": "SA"},
    "job_run":          {"read": "SADFCU", "create": "SAF", "cancel": "SAF", "download": "SAF"},
    "admin_home":       {"read": "SAU"},
    "webhook_endpoint": {"read": "SAU", "create": "SA", "update": "SA", "delete": "SA", "test": "SA", "resend": "SA"},
    "webhook":          {"read": "SAFCU", "replay": "SAF"},
    # people
    "patient":          {"read": _STAFF + "P", "create": "SADNR", "update": "SADNR", "delete": "SA", "merge": "SAR", "import": "SA", "export": "SA"},
    "patient_merge":    {"read": "SARU", "export": "SA"},
    "doctor":           {"read": _STAFF + "P", "create": "SA", "update": "SA", "delete": "SA"},
    "availability":     {"read": _STAFF + "P", "create": "SALD", "update": "SALD", "delete": "SALD"},
    "doctor_week":      {"read": _CARE},
    "holiday":          {"read": _STAFF + "P", "create": "SAL", "update": "SAL", "delete": "SAL"},
    # catalogue
    "service":          {"read": _STAFF + "P", "create": "SAF", "update": "SAF", "delete": "SA"},
    "tax":              {"read": "SAFCRU", "create": "SAF", "update": "SAF", "delete": "SA"},
    # visits
    "appointment":      {"read": "SALDNRHTPFCU", "create": "SADNRP", "update": "SADNR", "approve": "SADR", "decline": "SADR",
                         "confirm": "SADR", "reschedule": "SADNRP", "cancel": "SADNRP", "check-in": "SANR", "start": "SAD",
                         "complete": "SAD", "no-show": "SADR", "overbook": "SAD", "follow-up": "SADR"},
    "visit_request":    {"read": "SALDRU"},
    "visit_series":     {"read": _CARE, "create": "SADR", "update": "SADR", "cancel": "SADR"},
    "leave_plan":       {"read": "SALDRU", "create": "SAD", "cancel": "SAD"},
    "calendar_feed":    {"read": "SADU", "create": "SAD", "revoke": "SAD"},
    "calendar":         {"read": _CARE},
    "waiting_list":     {"read": _CARE + "P", "create": "SADRP", "update": "SADR", "delete": "SADRP", "answer": "SADRP"},
    "queue":            {"read": _CARE + "P", "call": "SADNR", "update": "SADNR", "board": _CARE},
    "kiosk":            {"read": "SALRU", "create": "SA", "update": "SA", "delete": "SA", "link": "SA", "revoke": "SA"},
    "waiting_board":    {"read": "SALRU", "create": "SA", "update": "SA", "delete": "SA", "link": "SA", "revoke": "SA"},
    "desk":             {"read": "SALRN"},
    "my_day":           {"read": "SAD"},
    "location_home":    {"read": "SALU"},
    "finance_home":     {"read": "SAFCU"},
    # billing (SPEC 21)
    "plan":             {"read": _MONEY_READ, "create": "AS", "update": "AS", "delete": "AS"},
    "subscription":     {"read": _MONEY_READ, "create": "PAS", "update": "PFAS", "renew": "PFAS", "cancel": "PAS",
                         "reset-quota": "AS", "send-confirmation": "AS", "process-payment": "PFAS", "can-book": "PDRAS",
                         "book-appointment": "PRAS", "cancel-appointment": "PDRAS"},
    "invoice":          {"read": _MONEY_READ, "download": _MONEY_READ, "create": "RFAS", "update": "RFAS", "mark-paid": "RFAS",
                         "open": "RFAS", "generate-pdf": "ASRF", "send": "ASRF", "send-whatsapp": "ASRF", "pay": "PRFAS",
                         "void": "FAS"},
    "credit_note":      {"read": _MONEY_READ, "create": "FAS"},
    "invoice_approval": {"read": "RFASCLU", "approve": "FAS", "reject": "FAS"},
    "visit_fee":        {"read": "RFASCLU"},
    "write_off":        {"create": "FAS", "reverse": "FAS"},
    "patient_credit":   {"read": _MONEY_READ, "create": "RFAS", "apply": "RFAS", "refund": "RFAS"},
    "bulk_invoice":     {"read": "FASCU", "create": "FAS", "cancel": "FAS"},
    "payment":          {"read": _MONEY_READ, "create": "PRFAS", "update": "RFAS", "capture": "FAS", "void": "FAS",
                         "refund": "FAS", "request-refund": "RFAS", "check": "RFAS"},
    "payment_hold":     {"read": "FASCU", "release": "FAS", "decline": "FAS"},
    "refund":           {"read": _MONEY_READ, "request": "RFAS", "approve": "FAS", "reject": "FAS"},
    "payment_method":   {"read": "PFASU", "create": "P", "update": "P", "delete": "P"},
    "payment_plan":     {"read": _MONEY_READ, "create": "FAS", "update": "FAS", "process": "FAS"},
    "cash_drawer":      {"read": "RFASCLU", "create": "RFAS", "update": "RFAS", "approve": "FAS"},
    "day_close":        {"read": "FASCLU", "create": "FAS"},
    "ledger":           {"read": "FASCU", "create": "FAS", "reverse": "FAS"},
    "reconciliation":   {"read": "FASCU", "create": "FAS", "update": "FAS", "accept-fee": "FAS", "look-again": "FAS",
                         "cancel": "FAS"},
    "analytics":        {"read": "FASCU"},
    "report":           {"read": "FASCLU", "export": "FASC"},
    # insurance and payouts
    "payer":            {"read": "RFASCU", "create": "FAS", "update": "FAS", "delete": "AS"},
    "policy":           {"read": "PRFASCDU", "create": "PRFAS", "update": "RFAS", "delete": "FAS"},
    "authorisation":    {"read": "PDRFASCU", "create": "DRFAS", "update": "RFAS"},
    "claim":            {"read": "PRFASCU", "create": "RFAS", "update": "RFAS", "submit": "FAS", "appeal": "FAS"},
    "remittance":       {"read": "FASCU", "create": "FAS", "update": "FAS"},
    "payout":           {"read": "DFASCU", "create": "FAS", "approve": "AS"},
    # records
    "medical_history":  {"read": "SADNPU", "create": "SADN", "update": "SADN", "delete": "SAD"},
    "lab_report":       {"read": "SADNTPU", "create": "SADNT", "update": "SADT", "delete": "SAD"},
    "radiology_report": {"read": "SADNTPU", "create": "SADT", "update": "SADT", "delete": "SAD"},
    "surgical_report":  {"read": "SADNPU", "create": "SAD", "update": "SAD", "delete": "SAD"},
    "vital":            {"read": "SADNPU", "create": "SADN", "update": "SADN", "delete": "SAD"},
    "allergy":          {"read": "SADNHPU", "create": "SADN", "update": "SADN", "delete": "SAD"},
    "medication":       {"read": "SADNHPU", "create": "SAD", "update": "SAD", "delete": "SAD"},
    "immunization":     {"read": "SADNPU", "create": "SADN", "update": "SADN", "delete": "SAD"},
    "encounter":        {"read": "SADNPU", "create": "SADN", "update": "SAD"},
    "ehr_analytics":    {"read": "SADU"},
    "video_session":    {"read": "SADNRPU", "create": "SADR", "join": "SADP", "record": "SAD", "delete": "SAD"},
    "chat":             {"read": _STAFF + "P", "create": "SALDNRHTCFIP"},
    # messages
    "message":          {"read": "SARFU", "create": "SARF", "resend": "SARF"},
    "message_preference": {"read": "SADNRU", "create": "SADNR", "update": "SADNR"},
    "notification":     {"read": _STAFF + "P", "update": "SALDNRHTCFIP"},
    "device":           {"read": _STAFF + "P", "create": "SALDNRHTCFIP", "delete": "SALDNRHTCFIP"},
    "template":         {"read": "SAU", "create": "SA", "update": "SA", "delete": "SA"},
    "provider_notice":  {"read": "SAU", "replay": "SA"},
    "suppression":      {"read": "SAU", "create": "SA", "clear": "SA"},
    # pharmacy
    "item":             {"read": "SAHIDU", "create": "SAHI", "update": "SAHI", "delete": "SAI"},
    "stock":            {"read": "SAHIU", "create": "SAHI", "update": "SAI"},
    "dispensing":       {"read": "SAHDNU", "create": "SAH"},
}
# fmt: on

# The clinic's setting that limits, in per cent of the price, the discount that a role gives and approves by itself.
# Who is not in this table gives none.
DISCOUNT_LIMITS: dict[str, str] = {
    Role.RECEPTIONIST: "desk_discount_percent",
    Role.FINANCE_BILLING: "finance_discount_percent",
    Role.CLINIC_ADMIN: "admin_discount_percent",
    Role.SUPER_ADMIN: "admin_discount_percent",
}

_ALLOWED = frozenset(
    (str(LETTERS[letter]), resource, action)
    for resource, actions in MATRIX.items()
    for action, letters in actions.items()
    for letter in letters
)


def role_may(role: str, resource: str, action: str) -> bool:
    return (role, resource, action) in _ALLOWED


def actions_of(role: str) -> dict[str, list[str]]:
    """What a role may do, resource by resource; for the role screen and the API's `/auth/me`."""
    return {
        resource: allowed
        for resource, actions in MATRIX.items()
        if (allowed := [action for action in actions if role_may(role, resource, action)])
    }
