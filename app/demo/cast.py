"""Who works where in the demo: clinics, doctors, staff, and names to draw patients from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PASSWORD = "Demo-pass-2026"  # noqa: S105 the published password of the demonstration
SUPER_ADMIN = "super-admin@demo"


@dataclass(frozen=True)
class DemoDoctor:
    """A doctor of a demo clinic; `fee` is for a visit in person, in major units."""

    first_name: str
    last_name: str
    speciality: str
    registration: str
    room: str
    fee: int
    types: tuple[str, ...] = ("IN_PERSON", "VIDEO_CALL")


@dataclass(frozen=True)
class DemoClinic:
    """A demo clinic."""

    name: str
    subdomain: str
    domain: str
    settings: dict[str, Any]
    locations: tuple[tuple[str, str, tuple[str, ...]], ...]
    doctors: tuple[DemoDoctor, ...]
    phone_prefix: str
    country: str = "IN"
    dial: str = "+91"

    @property
    def currency(self) -> str:
        return str(self.settings.get("currency", "INR"))

    @property
    def zone(self) -> str:
        return str(self.settings.get("zone", "Asia/Kolkata"))


SUNRISE = DemoClinic(
    "Sunrise Clinic",
    "sunrise",
    "sunrise.demo",
    {
        "invoice_prefix": "SUN",
        "credit_note_prefix": "SUNC",
        "tax_number": "29ABCDE1234F1Z5",
        "address": "14 Residency Road, Bengaluru 560025",
        "phone": "+91 80 4123 4567",
        "email": "desk@sunrise.example",
    },
    (
        ("Residency Road", "14 Residency Road, Bengaluru 560025", ("Room 1", "Room 2", "Room 3", "Room 4")),
        ("Whitefield", "221 Inner Circle, Whitefield, Bengaluru 560066", ("Room A", "Room B")),
    ),
    (
        DemoDoctor("Anand", "Rao", "General medicine", "KMC-48213", "Room 2", 800),
        DemoDoctor("Priya", "Sen", "Paediatrics", "KMC-51877", "Room 4", 900),
        DemoDoctor("Thomas", "Kurian", "Dermatology", "KMC-60211", "Room 1", 1000),
        DemoDoctor(
            "Fatima", "Sheikh", "Gynaecology", "KMC-57349", "Room 3", 1200, ("IN_PERSON", "VIDEO_CALL", "HOME_VISIT")
        ),
    ),
    "98450",
)
LAKESIDE = DemoClinic(
    "Lakeside Clinic",
    "lakeside",
    "lakeside.demo",
    {
        "invoice_prefix": "LAKE",
        "credit_note_prefix": "LAKEC",
        "tax_number": "27FGHIJ5678K1Z3",
        "address": "3 Lake View Marg, Pune 411001",
        "phone": "+91 20 2612 3456",
        "email": "desk@lakeside.example",
        "brand_colour": "#1f5fae",
    },
    (("Lake View", "3 Lake View Marg, Pune 411001", ("Room 1", "Room 2", "Room 3")),),
    (
        DemoDoctor("Meenal", "Joshi", "General medicine", "MMC-33120", "Room 1", 700),
        DemoDoctor("Imran", "Qureshi", "Orthopaedics", "MMC-40987", "Room 2", 950),
        DemoDoctor("Kavita", "Deshmukh", "Ophthalmology", "MMC-45551", "Room 3", 850),
    ),
    "98220",
)
CLINICS = (SUNRISE, LAKESIDE)
# PayPal takes no rupees: this one is founded when somebody first walks through a payment with it.
HARBOUR = DemoClinic(
    "Harbour Clinic",
    "harbour",
    "harbour.demo",
    {
        "zone": "America/New_York",
        "currency": "USD",
        "locale": "en_US",
        "phone_region": "US",
        "fiscal_year_starts_in": 1,
        "invoice_prefix": "HAR",
        "credit_note_prefix": "HARC",
        "address": "8 Harbour Street, Portland, ME 04101",
        "phone": "+1 207 555 0142",
        "email": "desk@harbour.example",
        "brand_colour": "#7a4a1f",
    },
    (("Harbour Street", "8 Harbour Street, Portland, ME 04101", ("Room 1", "Room 2")),),
    (
        DemoDoctor("Rosa", "Marsh", "General medicine", "ME-20417", "Room 1", 120),
        DemoDoctor("Peter", "Lindqvist", "Dermatology", "ME-31822", "Room 2", 180),
    ),
    "20755",
    country="US",
    dial="+1",
)

# Role -> first and last name of its demo user; DOCTOR and PATIENT are the first doctor and the first patient.
STAFF = {
    "CLINIC_ADMIN": ("Nisha", "Menon"),
    "LOCATION_HEAD": ("Vikram", "Shetty"),
    "NURSE": ("Grace", "Fernandes"),
    "RECEPTIONIST": ("Asha", "Reddy"),
    "PHARMACIST": ("Suresh", "Pillai"),
    "LAB_TECHNICIAN": ("Deepa", "Nayak"),
    "ACCOUNTANT": ("Ramesh", "Iyengar"),
    "FINANCE_BILLING": ("Leena", "Kapoor"),
    "INVENTORY_MANAGER": ("Joseph", "Mathew"),
    "SYSTEM_AUDITOR": ("Harish", "Bhat"),
}

FEMALE = (
    "Meera", "Kavya", "Leela", "Ananya", "Divya", "Sneha", "Pooja", "Lakshmi", "Zara", "Ritu", "Shreya", "Nandini", "Aisha", "Tara",
    "Maria", "Sunita", "Radha", "Geeta", "Isha", "Komal", "Farah", "Padma", "Rekha", "Anjali", "Swati", "Vidya", "Naina", "Uma",
)  # fmt: skip
MALE = (
    "Arjun", "Rahul", "Rohan", "Vivek", "Karthik", "Sanjay", "Imtiaz", "Joseph", "Manoj", "Nikhil", "Aditya", "Prakash", "Kabir",
    "Dev", "Suraj", "Gopal", "Hari", "Irfan", "Ashwin", "Mohan", "Naveen", "Ravi", "Tarun", "Yash", "Deepak", "Farhan", "Anil", "Balu",
)  # fmt: skip
SURNAMES = (
    "Iyer", "Patel", "Nair", "Verma", "Khan", "D'Souza", "Menon", "Sharma", "Gupta", "Reddy", "Shetty", "Das", "Bose", "Kulkarni",
    "Pillai", "Rao", "Singh", "Mehta", "Joshi", "Thomas", "Fernandes", "Chopra", "Malik", "Banerjee", "Hegde", "Gowda", "Naik", "Jain",
    "Mukherjee", "Saxena", "Kaur", "Ahmed", "Varghese", "Pai", "Bhatt", "Desai", "Kamath", "Prasad", "Ghosh", "Chandra",
)  # fmt: skip
STREETS = (
    "MG Road",
    "Church Street",
    "Lake View Road",
    "Temple Street",
    "Station Road",
    "Park Avenue",
    "Hill Road",
    "Market Lane",
)
ALERTS = ("Penicillin allergy", "Asthma", "Uses a wheelchair", "Hard of hearing", "Latex allergy")
CANCEL_REASONS = ("PATIENT_REQUEST", "PATIENT_REQUEST", "PATIENT_UNWELL", "DOCTOR_UNAVAILABLE")
