"""web: the HTTP doors of a node (the NGSI-LD API, the platform's own API, live streams) and its faces.

A request comes in through `WebApp` (`BrokerApp` where only the broker runs): the guard looks at Host and Origin, `Asking` makes an Act of the credential, and the
route asks one room below one question. Live pages follow the change log, each reader from his own position. web holds
no rule of the domain and opens no connection of its own.
"""

from ._app import WebApp
from ._asking import ADDRESS, HOSTS, SIGN_IN, Asking, SignIn
from ._broker_app import BrokerApp, BrokerDoors
from ._doors import Doors
from ._health import Health
from ._limits import PROXIES, UNMASK_H, Hourly, Limits, Proxies, Rates
from ._live import Live
from ._patience import Patience, patient, sweep
from ._people import Person, mandates, people_by_phone
from ._pressing import PressToOffer

__all__ = [
    "ADDRESS",
    "HOSTS",
    "PROXIES",
    "SIGN_IN",
    "UNMASK_H",
    "Asking",
    "BrokerApp",
    "BrokerDoors",
    "Doors",
    "Health",
    "Hourly",
    "Limits",
    "Live",
    "Patience",
    "Person",
    "PressToOffer",
    "Proxies",
    "Rates",
    "SignIn",
    "WebApp",
    "mandates",
    "patient",
    "people_by_phone",
    "sweep",
]
