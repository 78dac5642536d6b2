"""Wording of what messaging itself says: to admins about deliveries, and the digest."""

from __future__ import annotations

from app.messaging.rendering import MessageTemplate

HOUSE = (
    MessageTemplate(
        "digest",
        ("count", "news", "clinic"),
        {"en": "{{ clinic }}: {{ count }} messages", "hi": "{{ clinic }}: {{ count }} संदेश"},
        {"en": "{{ news }}\n\n{{ clinic }}", "hi": "{{ news }}\n\n{{ clinic }}"},
    ),
    MessageTemplate(
        "template_broken",
        ("template", "channel", "why"),
        {"en": "A message template cannot be used", "hi": "एक संदेश टेम्पलेट उपयोग नहीं हो सकता"},
        {
            "en": "Your wording of {{ template }} ({{ channel }}) cannot be used, so the default is sent: {{ why }} "
            "Look at Message templates.",
            "hi": "{{ template }} ({{ channel }}) का आपका पाठ उपयोग नहीं हो सकता, इसलिए सामान्य पाठ भेजा जाता है: "
            "{{ why }} संदेश टेम्पलेट देखें।",
        },
    ),
    MessageTemplate(
        "provider_refused",
        ("provider", "channel", "why"),
        {"en": "{{ provider }} does not accept our messages", "hi": "{{ provider }} हमारे संदेश स्वीकार नहीं करता"},
        {
            "en": "{{ provider }} ({{ channel }}) is not used for a while: {{ why }} Look at Message providers.",
            "hi": "{{ provider }} ({{ channel }}) कुछ समय के लिए उपयोग में नहीं है: {{ why }} संदेश प्रदाता देखें।",
        },
    ),
    MessageTemplate(
        "daily_cap_reached",
        ("cap",),
        {"en": "The day's cap for messages is reached", "hi": "संदेशों की दैनिक सीमा पूरी हो गई"},
        {
            "en": "Messages for {{ cap }} left today. What is not critical waits until tomorrow, or until you raise "
            "the cap.",
            "hi": "आज {{ cap }} के संदेश भेजे गए। जो अत्यावश्यक नहीं है वह कल तक, या सीमा बढ़ाने तक, रुका रहेगा।",
        },
    ),
    MessageTemplate(
        "webhook_endpoint_off",
        ("endpoint", "why"),
        {"en": "A webhook endpoint was switched off", "hi": "एक वेबहुक पता बंद कर दिया गया"},
        {
            "en": "{{ endpoint }} hears of no more events: {{ why }} Look at Webhook endpoints.",
            "hi": "{{ endpoint }} को अब घटनाओं की सूचना नहीं मिलती: {{ why }} वेबहुक पते देखें।",
        },
    ),
)
