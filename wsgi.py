"""The WSGI application: `gunicorn wsgi:app`."""

from swpt_accounts import create_app

app = create_app()
