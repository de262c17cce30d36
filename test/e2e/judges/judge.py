"""Has a delivery judged by PyPI's standardwebhooks: reads {key, headers, body} from stdin, prints its type or why not."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

given = json.load(sys.stdin)
try:
    event = Webhook(given["key"]).verify(given["body"], given["headers"])
    print("genuine", event["type"])
except WebhookVerificationError as error:
    print("refused", error)
