"""The commands without Flask: `python -m swpt_accounts COMMAND`."""

from swpt_accounts.cli import swpt_accounts

if __name__ == "__main__":
    swpt_accounts(prog_name="swpt_accounts")
