"""The pages: what is asked for each of them, and its template."""

from swpt_accounts.console.pages.accounts import accounts
from swpt_accounts.console.pages.dead_letters import letters
from swpt_accounts.console.pages.flow import flow_pages
from swpt_accounts.console.pages.maintenance import upkeep
from swpt_accounts.console.pages.search import search
from swpt_accounts.console.pages.traces import traces

BLUEPRINTS = (flow_pages, accounts, traces, letters, search, upkeep)
