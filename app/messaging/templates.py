"""What our messages say by default, by name and language. WhatsApp sends the approved template of the same name with
`variables` in order. A clinic's own wording is in app/messaging/wording.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.messaging.house_templates import HOUSE
from app.messaging.rendering import MessageTemplate, Rendered, in_language, mail_html, render

_ALL = (
    MessageTemplate(
        "appointment_confirmed",
        ("patient", "doctor", "when", "clinic", "link"),
        {
            "en": "Your visit with {{ doctor }} is confirmed",
            "hi": "{{ doctor }} के साथ आपकी अपॉइंटमेंट पक्की हो गई है",
        },
        {
            "en": "Dear {{ patient }},\n\nyour visit with {{ doctor }} on {{ when }} is confirmed. All about it, with the "
            "code for your check-in:\n{{ link }}\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\n{{ doctor }} के साथ {{ when }} की आपकी अपॉइंटमेंट पक्की हो गई है। पूरी जानकारी और पहुँच दर्ज "
            "करने का कोड:\n{{ link }}\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "appointment_cancelled",
        ("patient", "doctor", "when", "clinic"),
        {"en": "Your visit with {{ doctor }} is cancelled", "hi": "{{ doctor }} के साथ आपकी अपॉइंटमेंट रद्द हो गई है"},
        {
            "en": "Dear {{ patient }},\n\nyour visit with {{ doctor }} on {{ when }} is cancelled.\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\n{{ doctor }} के साथ {{ when }} की आपकी अपॉइंटमेंट रद्द हो गई है।\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "appointment_rescheduled",
        ("patient", "doctor", "when", "clinic", "link"),
        {"en": "Your visit with {{ doctor }} was moved", "hi": "{{ doctor }} के साथ आपकी अपॉइंटमेंट का समय बदल गया है"},
        {
            "en": "Dear {{ patient }},\n\nyour visit with {{ doctor }} is now on {{ when }}. All about it, with the code for "
            "your check-in:\n{{ link }}\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\n{{ doctor }} के साथ आपकी अपॉइंटमेंट अब {{ when }} को है। पूरी जानकारी और पहुँच "
            "दर्ज करने का कोड:\n{{ link }}\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "appointment_declined",
        ("patient", "doctor", "when", "clinic"),
        {
            "en": "Your request for a visit with {{ doctor }}",
            "hi": "{{ doctor }} के साथ अपॉइंटमेंट का आपका अनुरोध",
        },
        {
            "en": "Dear {{ patient }},\n\nwe are sorry: {{ doctor }} cannot see you on {{ when }}. Please choose another "
            "time.\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\nक्षमा करें: {{ doctor }} {{ when }} को आपसे नहीं मिल सकते। कृपया कोई और समय चुनें।"
            "\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "appointment_reminder",
        ("patient", "doctor", "when", "clinic", "link"),
        {"en": "Reminder: your visit on {{ when }}", "hi": "अनुस्मारक: {{ when }} को आपकी अपॉइंटमेंट"},
        {
            "en": "Dear {{ patient }},\n\nwe look forward to your visit with {{ doctor }} on {{ when }}. If you cannot come, "
            "please tell us in time. All about it, with the code for your check-in:\n{{ link }}\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\n{{ when }} को {{ doctor }} के साथ आपकी अपॉइंटमेंट है। यदि आप नहीं आ सकते, तो कृपया "
            "समय रहते हमें बताएँ। पूरी जानकारी और पहुँच दर्ज करने का कोड:\n{{ link }}\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "slot_offered",
        ("patient", "doctor", "when", "until", "link", "clinic"),
        {"en": "A time with {{ doctor }} is free: {{ when }}", "hi": "{{ doctor }} के साथ एक समय खाली हुआ: {{ when }}"},
        {
            "en": "Dear {{ patient }},\n\nyou are on our waiting list. {{ doctor }} is free on {{ when }}; we keep this time "
            "for you until {{ until }}. Take it or pass it on here:\n{{ link }}\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\nआप हमारी प्रतीक्षा सूची में हैं। {{ doctor }} {{ when }} को उपलब्ध हैं; हम यह समय "
            "{{ until }} तक आपके लिए रखते हैं। यहाँ स्वीकार करें या छोड़ दें:\n{{ link }}\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "queue_next",
        ("patient", "token", "doctor", "clinic"),
        {"en": "You are next with {{ doctor }}: {{ token }}", "hi": "{{ doctor }} के पास अगली बारी आपकी है: {{ token }}"},
        {
            "en": "Dear {{ patient }},\n\nyou are next with {{ doctor }}. Your number is {{ token }}: please come to the "
            "doctor's room.\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\n{{ doctor }} के पास अगली बारी आपकी है। आपका टोकन नंबर {{ token }} है: कृपया डॉक्टर के "
            "कमरे के पास आ जाएँ।\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "invoice_paid",
        ("patient", "number", "amount", "clinic"),
        {"en": "Receipt for invoice {{ number }}", "hi": "इनवॉइस {{ number }} की रसीद"},
        {
            "en": "Dear {{ patient }},\n\nthank you. We received {{ amount }} for invoice {{ number }}; "
            "the document is attached.\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\nधन्यवाद। इनवॉइस {{ number }} के लिए {{ amount }} प्राप्त हुए; "
            "दस्तावेज़ संलग्न है।\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "invoice_due",
        ("patient", "number", "amount", "link", "clinic"),
        {"en": "Invoice {{ number }}", "hi": "इनवॉइस {{ number }}"},
        {
            "en": "Dear {{ patient }},\n\ninvoice {{ number }} over {{ amount }} can be paid here:\n{{ link }}\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\nइनवॉइस {{ number }} ({{ amount }}) का भुगतान यहाँ करें:\n{{ link }}\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "refund_settled",
        ("patient", "amount", "number", "clinic"),
        {"en": "Your refund of {{ amount }}", "hi": "आपका {{ amount }} का रिफ़ंड"},
        {
            "en": "Dear {{ patient }},\n\nwe refunded {{ amount }} of invoice {{ number }}.\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\nहमने इनवॉइस {{ number }} में से {{ amount }} वापस कर दिए हैं।\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "invoice_overdue",
        ("patient", "number", "amount", "days", "link", "clinic"),
        {"en": "Reminder: invoice {{ number }}", "hi": "अनुस्मारक: इनवॉइस {{ number }}"},
        {
            "en": "Dear {{ patient }},\n\n{{ amount }} of invoice {{ number }} are overdue (days: {{ days }}). "
            "You can pay here:\n{{ link }}\n\nIf you have paid meanwhile, please disregard this message.\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\nइनवॉइस {{ number }} के {{ amount }} का भुगतान देय तिथि के बाद भी बाकी है "
            "(दिन: {{ days }})। यहाँ भुगतान करें:\n{{ link }}\n\nयदि आप भुगतान कर चुके हैं तो इस संदेश को अनदेखा करें।"
            "\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "instalment_due",
        ("patient", "number", "amount", "when", "link", "clinic"),
        {"en": "Instalment for invoice {{ number }}", "hi": "इनवॉइस {{ number }} की किस्त"},
        {
            "en": "Dear {{ patient }},\n\nthe instalment of {{ amount }} for invoice {{ number }} is due on {{ when }}. "
            "You can pay here:\n{{ link }}\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\nइनवॉइस {{ number }} की {{ amount }} की किस्त {{ when }} को देय है। "
            "यहाँ भुगतान करें:\n{{ link }}\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "subscription_confirmed",
        ("patient", "plan", "price", "visits", "clinic"),
        {"en": "Your subscription: {{ plan }}", "hi": "आपकी सदस्यता: {{ plan }}"},
        {
            "en": "Dear {{ patient }},\n\nyou have subscribed to {{ plan }} ({{ price }}). "
            "Visits in each period: {{ visits }}.\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\nआपने {{ plan }} ({{ price }}) की सदस्यता ली है। "
            "हर अवधि में अपॉइंटमेंट: {{ visits }}।\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "subscription_due",
        ("patient", "plan", "amount", "due", "link", "clinic"),
        {"en": "{{ plan }}: renewal of {{ amount }}", "hi": "{{ plan }}: {{ amount }} का नवीनीकरण"},
        {
            "en": "Dear {{ patient }},\n\nthe next period of {{ plan }} costs {{ amount }}. Please pay by {{ due }}:\n"
            "{{ link }}\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\n{{ plan }} की अगली अवधि का मूल्य {{ amount }} है। कृपया {{ due }} तक भुगतान करें:\n"
            "{{ link }}\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "subscription_unpaid",
        ("patient", "plan", "amount", "due", "link", "clinic"),
        {"en": "{{ plan }} is not paid", "hi": "{{ plan }} का भुगतान बाकी है"},
        {
            "en": "Dear {{ patient }},\n\n{{ amount }} for {{ plan }} were due on {{ due }}. Until they are paid it covers "
            "no new visits:\n{{ link }}\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\n{{ plan }} के लिए {{ amount }} {{ due }} को देय थे। भुगतान होने तक इससे नई "
            "अपॉइंटमेंट नहीं ली जा सकतीं:\n{{ link }}\n\n{{ clinic }}",
        },
    ),
    MessageTemplate(
        "subscription_cancelled",
        ("patient", "plan", "clinic"),
        {"en": "{{ plan }} has ended", "hi": "{{ plan }} समाप्त हो गई है"},
        {
            "en": "Dear {{ patient }},\n\nyour subscription to {{ plan }} has ended.\n\n{{ clinic }}",
            "hi": "प्रिय {{ patient }},\n\n{{ plan }} की आपकी सदस्यता समाप्त हो गई है।\n\n{{ clinic }}",
        },
    ),
    # To staff, in the console only: what waits for a person.
    MessageTemplate(
        "approval_requested",
        ("what", "amount", "number", "patient"),
        {"en": "{{ what }} of {{ amount }} waits for approval", "hi": "{{ what }} {{ amount }} स्वीकृति की प्रतीक्षा में"},
        {
            "en": "{{ what }} of {{ amount }} for {{ patient }} (invoice {{ number }}) waits: look at Approvals.",
            "hi": "{{ patient }} (इनवॉइस {{ number }}) के लिए {{ what }} {{ amount }} स्वीकृति की प्रतीक्षा में है: स्वीकृतियाँ देखें।",
        },
    ),
    MessageTemplate(
        "approval_decided",
        ("what", "amount", "number", "decision"),
        {"en": "{{ what }} of {{ amount }}: {{ decision }}", "hi": "{{ what }} {{ amount }}: {{ decision }}"},
        {
            "en": "{{ what }} of {{ amount }} on invoice {{ number }}: {{ decision }}.",
            "hi": "इनवॉइस {{ number }} पर {{ what }} {{ amount }}: {{ decision }}।",
        },
    ),
    MessageTemplate(
        "plan_defaulted",
        ("amount", "number", "patient"),
        {"en": "A payment plan defaulted", "hi": "एक भुगतान योजना टूट गई"},
        {
            "en": "The plan of {{ patient }} for invoice {{ number }} is too late; {{ amount }} are open. Call them, "
            "cancel the plan, or ask to write the rest off.",
            "hi": "इनवॉइस {{ number }} की {{ patient }} की योजना बहुत विलंबित है; {{ amount }} बाकी हैं। उनसे बात करें, "
            "योजना रद्द करें, या शेष राशि माफ़ करने का अनुरोध करें।",
        },
    ),
    MessageTemplate(
        "late_payment",
        ("amount", "when"),
        {"en": "Late payment of {{ amount }}", "hi": "{{ amount }} का देर से आया भुगतान"},
        {
            "en": "{{ amount }} came for the visit on {{ when }}, which was called off. "
            "It is the patient's credit: offer another slot, or refund it.",
            "hi": "{{ when }} की रद्द हो चुकी अपॉइंटमेंट के लिए {{ amount }} आए हैं। "
            "यह मरीज़ की जमा राशि है: दूसरा समय दें या रिफ़ंड करें।",
        },
    ),
    MessageTemplate(
        "payment_left_over",
        ("amount", "number"),
        {"en": "{{ amount }} more than was due", "hi": "देय से {{ amount }} अधिक"},
        {
            "en": "{{ amount }} of a payment for invoice {{ number }} settles nothing. It is the patient's credit.",
            "hi": "इनवॉइस {{ number }} के भुगतान में से {{ amount }} किसी देय राशि के लिए नहीं हैं। यह मरीज़ की जमा राशि है।",
        },
    ),
    MessageTemplate(
        "cheque_returned",
        ("amount", "patient"),
        {"en": "A cheque over {{ amount }} came back", "hi": "{{ amount }} का चेक लौट आया"},
        {
            "en": "The bank gave a cheque of {{ patient }} over {{ amount }} back unpaid. What it paid is owed again.",
            "hi": "बैंक ने {{ patient }} का {{ amount }} का चेक बिना भुगतान लौटा दिया। उससे चुकाई गई राशि फिर से देय है।",
        },
    ),
    MessageTemplate(
        "paid_visit_cancelled",
        ("amount", "number"),
        {"en": "A paid visit was cancelled", "hi": "भुगतान की गई अपॉइंटमेंट रद्द हुई"},
        {
            "en": "{{ amount }} were paid by invoice {{ number }} for a visit that is cancelled. Refund it, or book another.",
            "hi": "रद्द हुई अपॉइंटमेंट के लिए इनवॉइस {{ number }} से {{ amount }} का भुगतान हुआ था। रिफ़ंड करें या दूसरा समय दें।",
        },
    ),
    MessageTemplate(
        "visit_unpriced",
        ("when",),
        {"en": "A visit without a price", "hi": "बिना मूल्य की अपॉइंटमेंट"},
        {
            "en": "The visit on {{ when }} was completed, but no price is set for its kind: no invoice was issued.",
            "hi": "{{ when }} की अपॉइंटमेंट पूरी हुई, पर उसका मूल्य तय नहीं है: कोई इनवॉइस नहीं बनी।",
        },
    ),
    MessageTemplate(
        "refund_failed",
        ("amount",),
        {"en": "A refund of {{ amount }} failed", "hi": "{{ amount }} का रिफ़ंड विफल हुआ"},
        {
            "en": "A refund of {{ amount }} did not reach the patient. The money is with us; look at Refunds.",
            "hi": "{{ amount }} का रिफ़ंड मरीज़ तक नहीं पहुँचा। पैसा हमारे पास है; रिफ़ंड देखें।",
        },
    ),
)
TEMPLATES = {template.name: template for template in (*_ALL, *HOUSE)}


def render_message(name: str, language: str, variables: Mapping[str, str]) -> Rendered:
    """Subject, plain text and HTML of the default wording. Raises KeyError for an unknown template, RefusedTemplate
    for a missing variable.
    """
    template = TEMPLATES[name]
    subject, text = render(in_language(template.subject, language), in_language(template.text, language), variables)
    return Rendered(subject, text, mail_html(subject, text, language))
