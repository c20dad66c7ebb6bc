-- What docs/how-to/least-privilege.md tells an operator to do, for docker-compose-all.yml. It is
-- run in the database of POSTGRES_DB when that is made. POSTGRES_USER owns everything.
CREATE ROLE swpt_accounts_worker LOGIN PASSWORD 'swpt_accounts_worker';
REVOKE ALL ON DATABASE swpt_accounts FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE swpt_accounts TO swpt_accounts_worker;
