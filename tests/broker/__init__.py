"""Knative's broker contract, rule by rule, over HTTP: a broker's URL on one side, real subscribers on the other.

Without further words the suite starts our own broker (local/broker) and a Valkey. It runs unchanged against any other:

    XIN_TEST_BROKER_URL      the broker's whole address, such as http://host/xin/default (a Broker's status.address.url)
    XIN_TEST_SUBSCRIBER_URL  http://host:port on which the suite listens for deliveries, as that broker reaches it

That broker needs what `manifests/` holds: the Triggers, and the PingSource. They send to the Service `conformance` of
their namespace: let it lead to XIN_TEST_SUBSCRIBER_URL, or write that URL in its place. What only our own broker
promises (`own` among a test's arguments: crashes, parking, metrics) is left out then.

The rules were measured on Eventing 1.22's MT broker. Where another broker is known to differ, the test says so.
"""
