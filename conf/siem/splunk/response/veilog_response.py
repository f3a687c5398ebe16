"""Splunk SOAR: finds the credentials of an alert's callers, asks a person, and hands them to your responder if told so.

Artifacts of the container have the caller in ``cef.user`` or ``cef.caller``, as the alerts of TA-veilog name one. The
search runs over the events that veilog wrote, and its results hold hashes of credentials, never a credential. This
playbook stops nothing itself: without an answer, or with another answer than yes, it leaves a note and ends.

Assets: ``splunk`` (app Splunk) runs the search, ``ai_responder`` (app HTTP) takes what was approved.
"""

import json
import re

import phantom.rules as phantom

FACTS = (
    '`veilog` (user="{user}" OR user_id="{user}") credential.id_hash=* | dedup event_id'
    ' | rename "credential.id_hash" as credential "credential.type" as credential_type'
    " | stats count as calls min(_time) as first_call max(_time) as last_call last(request_id) as request_id"
    " by user credential credential_type vendor_account src | sort 20 - last_call"
)
"""What a caller's credentials did. The request's id finds the record in the source's own log, which names each."""
NAME = re.compile(r"[\w.@:/+=,-]{1,256}")
"""What a caller may be called: a name with other characters is no name of an event, and is not put into a search."""
YES, NO = "Stop these credentials", "Do nothing"


@phantom.playbook_block()
def on_start(container):
    """Begin."""
    facts(container=container)


@phantom.playbook_block()
def facts(container=None, **_):
    """Search for the credentials that the callers in the container's artifacts have used."""
    rows = phantom.collect2(container=container, datapath=["artifact:*.cef.user", "artifact:*.cef.caller"])
    users = sorted({name for row in rows for name in row if name and NAME.fullmatch(name)})
    if not users:
        note(container=container, text="No artifact names a caller: nobody was asked, nothing was stopped.")
        return
    searches = [{"command": "search", "query": FACTS.format(user=user), "parse_only": False} for user in users]
    phantom.act("run query", parameters=searches, assets=["splunk"], name="facts", callback=ask)


@phantom.playbook_block()
def ask(container=None, **_):
    """Ask a person, who has an hour for the answer."""
    message = (
        "Credentials that the callers of this alert have used, as keyed hashes, with the request that names each in "
        "the source's log:\n{0}\n\nRead the detection's playbook first. Nothing is stopped before somebody says so."
    )
    answers = [{"prompt": "What shall be done?", "options": {"type": "list", "required": True, "choices": [YES, NO]}}]
    phantom.prompt2(
        container=container,
        role="Incident Commander",
        message=message,
        respond_in_mins=60,
        name="ask",
        parameters=["facts:action_result.data"],
        response_types=answers,
        callback=decide,
    )


@phantom.playbook_block()
def decide(container=None, results=None, **_):
    """Hand over if somebody said yes; in all other cases only say what happened."""
    conditions = [["ask:action_result.summary.responses.0", "==", YES]]
    if phantom.decision(container=container, action_results=results, conditions=conditions):
        hand_over(container=container)
        return
    note(container=container, text="Nobody has said yes: nothing was stopped.")


@phantom.playbook_block()
def hand_over(container=None, **_):
    """Give the facts to the responder, which has the right to stop a credential."""
    data = phantom.collect2(container=container, datapath=["facts:action_result.data"])
    body = {"detection": container.get("name"), "credentials": [found for row in data for found in row[0] or []]}
    phantom.act(
        "post data",
        parameters=[{"location": "/", "body": json.dumps(body)}],
        assets=["ai_responder"],
        name="hand_over",
        callback=handed_over,
    )


@phantom.playbook_block()
def handed_over(container=None, success=None, **_):
    """Say whether the responder took it."""
    taken = "The responder was asked to stop the credentials."
    note(container=container, text=taken if success else "The responder could not be asked: stop them by hand.")


@phantom.playbook_block()
def note(container=None, text="", **_):
    """Leave a note in the container."""
    phantom.add_note(container=container, note_type="general", title="AI use", note_format="markdown", content=text)


@phantom.playbook_block()
def on_finish(container, summary):  # noqa: ARG001 - the platform calls it with both
    """End: there is nothing to put away."""
    phantom.debug("on_finish() called")
