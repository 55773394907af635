"""Runs ministack with the condition keys kms:EncryptionContext:…, by which template.yaml bounds what a function may open.

ministack judges a KMS call without its encryption context, and so would deny all of them. Run with the interpreter of
ministack's virtual environment.
"""

import json

from ministack.core import iam_actions

judged = iam_actions.request_tag_context


def with_encryption_context(service, action, body, *rest):
    context = dict(judged(service, action, body, *rest))
    if service == "kms":
        pairs = json.loads(body or b"{}").get("EncryptionContext") or {}
        context.update({f"kms:EncryptionContext:{key}": value for key, value in pairs.items()})
    return context


iam_actions.request_tag_context = with_encryption_context

from ministack.app import main  # noqa: E402  the patch must be first

main()
