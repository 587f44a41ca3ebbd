"""What other services hear of ours: oslo.messaging's own notification listener on the same broker.

The listener is oslo.messaging as Ceilometer, Designate or an auditor would run it. It declares its queues by its own
rules, so a publisher that declares them another way would break it, or be broken by it.
"""

import re
import threading

import oslo_messaging
from cloud import LAB_HOME
from oslo_config import cfg


class Heard:
    """Collects notifications until it is closed."""

    def __init__(self, topic="notifications"):
        self.events = []
        self._more = threading.Condition()
        config = cfg.ConfigOpts()
        config([], project="magnum-tests")
        text = (LAB_HOME / "etc/ours/magnum.conf").read_text()
        url = re.search(r"^transport_url *= *(\S+)", text, re.M).group(1)
        transport = oslo_messaging.get_notification_transport(config, url=url)
        self._listener = oslo_messaging.get_notification_listener(
            transport, [oslo_messaging.Target(topic=topic)], [self], executor="threading")
        self._listener.start()

    def info(self, context, publisher_id, event_type, payload, metadata):
        with self._more:
            self.events.append({"publisher": publisher_id, "type": event_type, "payload": payload, "metadata": metadata})
            self._more.notify_all()

    error = info

    def phases(self, cluster, count, timeout=30):
        """The types `magnum.cluster.*.{start,end,error}` about a cluster, sorted by their time of sending, once there
        are `count` of them. Two listeners' threads may deliver in another order than that."""
        def about():
            events = [event for event in self.events if event["payload"].get("target", {}).get("id") == cluster]
            events.sort(key=lambda event: event["metadata"]["timestamp"])
            return [event["type"] for event in events if re.search(r"\.(start|end|error)$", event["type"])]
        with self._more:
            self._more.wait_for(lambda: len(about()) >= count, timeout)
            return about()

    def close(self):
        self._listener.stop()
        self._listener.wait()
