"""The pages."""

from swpt_accounts.console.pages.accounts import accounts
from swpt_accounts.console.pages.dead_letters import letters
from swpt_accounts.console.pages.documents import documents
from swpt_accounts.console.pages.flow import flow_pages
from swpt_accounts.console.pages.maintenance import maintenance
from swpt_accounts.console.pages.search import search
from swpt_accounts.console.pages.traces import traces

BLUEPRINTS = (flow_pages, accounts, traces, letters, search, maintenance, documents)
