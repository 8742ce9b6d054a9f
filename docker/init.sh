#!/bin/sh
# Writes .env for docker compose: every password made up, one of them yours. For who has only Docker; `glucoflow init`
# writes the same. Never overwrites.
#     sh docker/init.sh [HOST]      HOST: the name that a reverse proxy with TLS answers to, if there is one
set -eu
umask 077
file=.env
host=${1-}
case $host in *[!A-Za-z0-9.-]*) echo "$host is no host name; give it without https:// and without a path." >&2; exit 2 ;; esac
if [ -e "$file" ]; then
  echo "$file is there already, and stays as it is. Move it away to begin anew; keep it for as long as its data." >&2
  exit 78
fi

letters() { # that many letters and digits that nobody can guess
  LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom 2>/dev/null | head -c "$1"
}
fernet() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }

password=
if [ -t 0 ]; then
  printf 'One password, for the pages and for backups, 12 characters or more (Enter: one is made): ' >&2
  trap 'stty echo; exit 130' INT TERM
  stty -echo; read -r password || true; stty echo; echo >&2
  trap - INT TERM
fi
if [ -z "$password" ]; then
  password=$(letters 5)-$(letters 5)-$(letters 5)-$(letters 5)
  echo "Your password, for the pages and for backups: $password" >&2
fi
case $password in *"'"*|*\\*) echo "Without ' and \\ in it, please." >&2; exit 65 ;; esac
if [ ${#password} -lt 12 ]; then echo "That has fewer than 12 characters." >&2; exit 65; fi

set -C # whoever was faster keeps theirs
: >"$file"
set +C
trap 'rm -f "$file"; echo "$file could not be written; nothing was left." >&2' EXIT # half of it would be taken for all
cat >"$file" <<END
# Written by docker/init.sh. Every other setting: .env.example. Keep a copy: data and backups need what is in here.

# The one to remember: it opens the pages, and backups.
WEB_PASSWORD='$password'
BACKUP_PASSPHRASE='$password'

# Made up, for the programs among themselves.
ELASTIC_PASSWORD=$(letters 32)
ES_PASSWORD=$(letters 32)
KIBANA_PASSWORD=$(letters 32)
KIBANA_PROVISION_PASSWORD=$(letters 32)
KIBANA_KEY=$(letters 40)
POSTGRES_PASSWORD=$(letters 32)
STORE_PASSWORD=$(letters 32)
PREFECT_STORE_PASSWORD=$(letters 32)
PREFECT_PASSWORD=$(letters 32)
GLUCOFLOW_TOKEN_KEY=$(fernet)

# Your own app at Dexcom, if you use that.
DEXCOM_CLIENT_ID=
DEXCOM_CLIENT_SECRET=
END
if [ -n "$host" ]; then
  cat >>"$file" <<END

# Behind a reverse proxy on this machine (docs/operations.md): its name, and from where it comes.
WEB_ALLOWED_HOSTS=$host,localhost,127.0.0.1
WEB_ADDRESS=https://$host
FORWARDED_ALLOW_IPS=127.0.0.1,172.16.0.0/12
DEXCOM_REDIRECT_URI=https://$host/oauth/callback
END
fi
trap - EXIT
echo "$file is written. Next: docker compose up -d" >&2
