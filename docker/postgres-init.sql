-- glucoflow's own database is made by POSTGRES_DB; Prefect gets one beside it.
CREATE DATABASE prefect;
