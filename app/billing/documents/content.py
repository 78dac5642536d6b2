"""The content of documents. Amounts, dates and quantities are texts, formatted for the reader; labels of facts are
translated. What is empty is left out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DocumentKind(StrEnum):
    """The title. India's GST law wants a tax invoice where tax is charged, a bill of supply where all is exempt."""

    INVOICE = "invoice"
    TAX_INVOICE = "tax_invoice"
    BILL_OF_SUPPLY = "bill_of_supply"
    CREDIT_NOTE = "credit_note"
    DRAFT = "draft"


class State(StrEnum):
    """How the pill beside the title is coloured."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    INFO = "info"


@dataclass(frozen=True)
class Fact:
    """A label and its value: a tax number, the doctor, the place of supply."""

    label: str
    value: str


@dataclass(frozen=True)
class Issuer:
    """The clinic. `colour` is #rrggbb; `logo` the octets of a picture; `footer` stands at the foot of the document."""

    name: str
    address: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    tax_ids: tuple[Fact, ...] = ()
    colour: str = ""
    logo: bytes | None = None
    footer: str = ""


@dataclass(frozen=True)
class Recipient:
    """The patient, or whoever is billed; `ids` are the record number, a tax number."""

    name: str
    address: tuple[str, ...] = ()
    ids: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class DocumentLine:
    """One line. `code` is the HSN or SAC, `taxable` what the tax is on, `amount` includes the tax."""

    description: str
    quantity: str
    unit_price: str
    amount: str
    code: str = ""
    discount: str = ""
    taxable: str = ""
    tax_rate: str = ""
    tax: str = ""


@dataclass(frozen=True)
class TaxRow:
    """One component of the tax over all lines: "CGST 9 %" on so much is so much."""

    label: str
    taxable: str
    amount: str


@dataclass(frozen=True)
class PaymentRow:
    """Money received, or given back."""

    date: str
    method: str
    amount: str
    reference: str = ""


@dataclass(frozen=True)
class InvoiceDocument:
    """An A4 invoice or credit note. `subtotal` is after line discounts and before tax; `discount` the invoice's own.

    `pay_url` becomes a QR code while something is due. `status` is a translated word, `state` its colour.
    """

    kind: DocumentKind
    issuer: Issuer
    recipient: Recipient
    issued_on: str
    lines: tuple[DocumentLine, ...]
    subtotal: str
    total: str
    number: str = ""
    due_on: str = ""
    status: str = ""
    state: State = State.INFO
    facts: tuple[Fact, ...] = ()
    discount: str = ""
    tax: str = ""
    tax_rows: tuple[TaxRow, ...] = ()
    credited: str = ""
    amount_paid: str = ""
    amount_due: str = ""
    payments: tuple[PaymentRow, ...] = ()
    pay_url: str = ""
    corrects: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    language: str = "en"


@dataclass(frozen=True)
class ReceiptDocument:
    """A receipt for a thermal printer with 80 mm paper: what was paid for, how, and what is left.

    With a `subtotal` the lines' amounts are before tax and add up to it; `discount` and `tax_rows` lead to the `total`.
    """

    issuer: Issuer
    number: str
    issued_at: str
    recipient: Recipient
    lines: tuple[DocumentLine, ...]
    total: str
    payments: tuple[PaymentRow, ...]
    invoice_number: str = ""
    facts: tuple[Fact, ...] = ()
    subtotal: str = ""
    discount: str = ""
    tax_rows: tuple[TaxRow, ...] = ()
    amount_paid: str = ""
    change: str = ""
    amount_due: str = ""
    pay_url: str = ""
    notes: tuple[str, ...] = ()
    language: str = "en"
