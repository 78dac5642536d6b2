"""The chart of accounts that every clinic starts with, and what each account means.

How money facts are booked, so that slices agree:

- an invoice is issued:       debit RECEIVABLE (patient)        credit REVENUE, TAX_PAYABLE
- money is captured:          debit the tender's account        credit PATIENT_CREDIT (patient)
- it pays an invoice:         debit PATIENT_CREDIT (patient)    credit RECEIVABLE (patient)
- a refund leaves a gateway:  debit REFUND_CLEARING             credit GATEWAY_CLEARING
- a refund reached the payer: debit PATIENT_CREDIT (patient)    credit REFUND_CLEARING (desk: its tender)
- a credit note:              debit REVENUE, TAX_PAYABLE        credit RECEIVABLE (patient)
- a gateway keeps its fee:    debit GATEWAY_FEES, INPUT_TAX     credit GATEWAY_CLEARING
- a gateway pays out:         debit BANK                      credit GATEWAY_CLEARING
- a dispute is lost:          debit CHARGEBACKS               credit GATEWAY_CLEARING
- a cash drawer is opened:    debit CASH                        credit SAFE (its float; the reverse when it is emptied)
- a drawer is short:          debit CASH_OVER_SHORT             credit CASH (the reverse when there is too much)
- the safe is first counted:  debit SAFE                        credit OPENING_BALANCE (what was there before)
- the safe is short:          debit CASH_OVER_SHORT             credit SAFE (the reverse when there is too much)
- card, UPI, cheque arrive:    debit BANK, GATEWAY_FEES       credit the tender's account (fees: what the bank kept)
- cash is taken to the bank:  debit BANK                        credit SAFE (the reverse when it is fetched)
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _


class AccountKind(StrEnum):
    """The five kinds; ASSET and EXPENSE grow with a debit, the others with a credit."""

    ASSET = "ASSET"
    LIABILITY = "LIABILITY"
    EQUITY = "EQUITY"
    INCOME = "INCOME"
    EXPENSE = "EXPENSE"


DEBIT_KINDS = frozenset({AccountKind.ASSET, AccountKind.EXPENSE})


class AccountCode(StrEnum):
    """The accounts that the console itself books on."""

    CASH = "CASH"
    SAFE = "SAFE"
    BANK = "BANK"
    CARD_CLEARING = "CARD_CLEARING"
    UPI_CLEARING = "UPI_CLEARING"
    CHEQUE_CLEARING = "CHEQUE_CLEARING"
    GATEWAY_CLEARING = "GATEWAY_CLEARING"
    REFUND_CLEARING = "REFUND_CLEARING"
    RECEIVABLE = "RECEIVABLE"
    INPUT_TAX = "INPUT_TAX"
    PATIENT_CREDIT = "PATIENT_CREDIT"
    TAX_PAYABLE = "TAX_PAYABLE"
    REVENUE = "REVENUE"
    DISCOUNT = "DISCOUNT"
    GATEWAY_FEES = "GATEWAY_FEES"
    ROUNDING = "ROUNDING"
    WRITE_OFF = "WRITE_OFF"
    CHARGEBACKS = "CHARGEBACKS"
    CASH_OVER_SHORT = "CASH_OVER_SHORT"
    PETTY_EXPENSES = "PETTY_EXPENSES"
    OTHER_INCOME = "OTHER_INCOME"
    OPENING_BALANCE = "OPENING_BALANCE"


class ChartEntry(NamedTuple):
    """An account of the standard chart."""

    code: AccountCode
    kind: AccountKind
    name: str
    label: Any


STANDARD_CHART = (
    ChartEntry(AccountCode.CASH, AccountKind.ASSET, "Cash", _("Cash")),
    ChartEntry(AccountCode.SAFE, AccountKind.ASSET, "Cash in the safe", _("Cash in the safe")),
    ChartEntry(AccountCode.BANK, AccountKind.ASSET, "Bank", _("Bank")),
    ChartEntry(AccountCode.CARD_CLEARING, AccountKind.ASSET, "Card terminal clearing", _("Card terminal clearing")),
    ChartEntry(AccountCode.UPI_CLEARING, AccountKind.ASSET, "UPI clearing", _("UPI clearing")),
    ChartEntry(AccountCode.CHEQUE_CLEARING, AccountKind.ASSET, "Cheques in hand", _("Cheques in hand")),
    ChartEntry(AccountCode.GATEWAY_CLEARING, AccountKind.ASSET, "Gateway clearing", _("Gateway clearing")),
    ChartEntry(AccountCode.REFUND_CLEARING, AccountKind.ASSET, "Refunds under way", _("Refunds under way")),
    ChartEntry(AccountCode.RECEIVABLE, AccountKind.ASSET, "Owed by patients", _("Owed by patients")),
    ChartEntry(AccountCode.INPUT_TAX, AccountKind.ASSET, "Input tax", _("Input tax")),
    ChartEntry(AccountCode.PATIENT_CREDIT, AccountKind.LIABILITY, "Patient credit", _("Patient credit")),
    ChartEntry(AccountCode.TAX_PAYABLE, AccountKind.LIABILITY, "Tax payable", _("Tax payable")),
    ChartEntry(AccountCode.REVENUE, AccountKind.INCOME, "Revenue", _("Revenue")),
    ChartEntry(AccountCode.DISCOUNT, AccountKind.INCOME, "Discounts given", _("Discounts given")),
    ChartEntry(AccountCode.GATEWAY_FEES, AccountKind.EXPENSE, "Gateway fees", _("Gateway fees")),
    ChartEntry(AccountCode.ROUNDING, AccountKind.EXPENSE, "Rounding", _("Rounding")),
    ChartEntry(AccountCode.WRITE_OFF, AccountKind.EXPENSE, "Write-offs", _("Write-offs")),
    ChartEntry(AccountCode.CHARGEBACKS, AccountKind.EXPENSE, "Lost disputes", _("Lost disputes")),
    ChartEntry(AccountCode.CASH_OVER_SHORT, AccountKind.EXPENSE, "Cash over and short", _("Cash over and short")),
    ChartEntry(AccountCode.PETTY_EXPENSES, AccountKind.EXPENSE, "Petty expenses", _("Petty expenses")),
    ChartEntry(AccountCode.OTHER_INCOME, AccountKind.INCOME, "Other income", _("Other income")),
    ChartEntry(AccountCode.OPENING_BALANCE, AccountKind.EQUITY, "Opening balances", _("Opening balances")),
)
