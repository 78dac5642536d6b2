"""The entities of PayPal's Orders v2, Payments v2 and Disputes v1, as far as we read them.

Unknown fields are ignored; an entity without its essentials is a ValueError.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictStr

Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class Entity(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)


class Amount(Entity):
    currency_code: str
    value: StrictStr


class Link(Entity):
    href: str
    rel: str


class RelatedIds(Entity):
    order_id: Text = ""
    authorization_id: Text = ""
    capture_id: Text = ""


class SupplementaryData(Entity):
    related_ids: RelatedIds = RelatedIds()


class Resource(Entity):
    """What authorizations, captures and refunds have in common."""

    id: str
    status: str
    amount: Amount
    custom_id: Text = ""
    invoice_id: Text = ""
    create_time: AwareDatetime | None = None
    links: list[Link] = []
    supplementary_data: SupplementaryData = SupplementaryData()

    def parent(self, collection: str) -> str:
        """The id that the `up` link names in a collection (orders, authorizations, captures); '' without one."""
        for link in self.links:
            path, _, id = link.href.partition("?")[0].rpartition("/")
            if link.rel == "up" and path.endswith(f"/{collection}"):
                return id
        return ""

    @property
    def order_id(self) -> str:
        return self.supplementary_data.related_ids.order_id or self.parent("orders")


class Breakdown(Entity):
    paypal_fee: Amount | None = None


class Reason(Entity):
    reason: Text = ""


class Capture(Resource):
    seller_receivable_breakdown: Breakdown = Breakdown()
    status_details: Reason = Reason()

    @property
    def authorization_id(self) -> str:
        return self.supplementary_data.related_ids.authorization_id or self.parent("authorizations")


class Refund(Resource):
    acquirer_reference_number: Text = ""
    status_details: Reason = Reason()

    @property
    def capture_id(self) -> str:
        return self.parent("captures") or self.supplementary_data.related_ids.capture_id


class Payments(Entity):
    authorizations: list[Resource] = []
    captures: list[Capture] = []
    refunds: list[Refund] = []


class PurchaseUnit(Entity):
    amount: Amount
    custom_id: Text = ""
    payments: Payments = Payments()


class Opened(Entity):
    """An order as far as the payer's way to it is concerned."""

    id: str
    status: str
    links: list[Link] = []


class Order(Entity):
    """An order has exactly one purchase unit: ours."""

    id: str
    status: str
    intent: str
    purchase_units: list[PurchaseUnit] = Field(min_length=1, max_length=1)
    payment_source: dict[str, Any] | None = None

    @property
    def unit(self) -> PurchaseUnit:
        return self.purchase_units[0]

    @property
    def payments(self) -> Payments:
        return self.unit.payments

    @property
    def authorizations(self) -> list[Resource]:
        """The first one names the reservation, the last one is in force."""
        return sorted(self.payments.authorizations, key=age)

    def payment_id_of(self, capture_id: str) -> str:
        """What we call the payment that a capture belongs to."""
        return self.authorizations[0].id if self.authorizations else capture_id

    def captures_of(self, payment_id: str) -> list[Capture]:
        return [item for item in self.payments.captures if self.payment_id_of(item.id) == payment_id]

    def refunds_of(self, payment_id: str) -> list[Refund]:
        return [item for item in self.payments.refunds if self.payment_id_of(item.capture_id) == payment_id]


def age(item: Resource) -> tuple[float, str]:
    """Sorts the oldest first."""
    return (item.create_time.timestamp() if item.create_time else 0, item.id)


class DisputedTransaction(Entity):
    seller_transaction_id: str
    custom: Text = ""


class DisputeOutcome(Entity):
    outcome_code: Text = ""


class Dispute(Entity):
    dispute_id: str
    status: str
    dispute_amount: Amount
    disputed_transactions: list[DisputedTransaction] = Field(min_length=1)
    reason: Text = ""
    dispute_life_cycle_stage: Text = ""
    seller_response_due_date: AwareDatetime | None = None
    dispute_outcome: DisputeOutcome = DisputeOutcome()


M = TypeVar("M", bound=Entity)


def parsed(model: type[M], document: Any) -> M:
    """The entity. Raises ValueError."""
    return model.model_validate(document)
