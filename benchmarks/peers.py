"""What bridges of others, in JavaScript, read from our doubles, held against what our connectors read.

    uv run python -m benchmarks.peers

It needs node and npm, installs share2nightscout-bridge and nightscout-connect into a folder for the while, and points
them at doubles of Share and LibreLinkUp on loopback. Each moment's value and direction must be the same; the exit code
is 1 where one is not. It stands outside the suite, as it loads packages. The result is in docs/sources.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from glucoflow.installed import installed
from glucoflow.model.ingestion import Window
from glucoflow.model.records import Reading
from glucoflow.nightscout.directions import nightscout_direction
from glucoflow.provider import Double, Form, Site, Terms
from glucoflow.simulators import dexcom_share, librelinkup
from glucoflow.simulators.people import demo_scenario

PACKAGES = ("share2nightscout-bridge@0.2.12", "nightscout-connect@0.0.12")
SCRIPT = """
const said = JSON.parse(process.argv[2]);
const print = console.log;
console.log = () => {};
const axios = require('axios').default || require('axios');
const crypto = require('crypto');
// Only the address is another; and what LibreLinkUp has asked for since 2024, which this version does not send yet.
const ours = { create(given) {
  const http = axios.create({ ...given, baseURL: said.url, headers: { ...given.headers, ...said.headers } });
  http.interceptors.response.use(answer => {
    const user = answer.data && answer.data.data && answer.data.data.user;
    if (user) http.defaults.headers.common['account-id'] = crypto.createHash('sha256').update(user.id).digest('hex');
    return answer;
  });
  return http;
} };
const KNOWN = { entries: new Date(Date.now() - 23 * 3600e3) };
async function connect(name, options) {
  const source = require('nightscout-connect/lib/sources/' + name)(options, ours);
  const session = await source.sessionFromAuth(await source.authFromCredentials());
  const data = await source.dataFromSesssion(session, KNOWN);
  const found = source.transformGlucose(data, KNOWN);
  return found.entries || found;
}
function bridge(options) {
  const engine = require('share2nightscout-bridge');
  const base = said.url + '/ShareWebServices/Services/';
  const login = { accountName: options.user, password: options.password,
    auth: base + 'General/AuthenticatePublisherAccount', login: base + 'General/LoginPublisherAccountById' };
  return new Promise((done, failed) => engine.authorize(login, (error, answered, sessionID) => engine.fetch(
    { LatestGlucose: base + 'Publisher/ReadPublisherLatestGlucoseValues', sessionID, minutes: 1440, maxCount: 288 },
    (wrong, _answer, glucose) => Array.isArray(glucose) ? done(glucose.map(engine.dex_to_entry || said_by))
      : failed(wrong || glucose))));
}
const TRENDS = ['NONE', 'DoubleUp', 'SingleUp', 'FortyFiveUp', 'Flat', 'FortyFiveDown', 'SingleDown', 'DoubleDown',
  'NOT COMPUTABLE', 'RATE OUT OF RANGE'];
const said_by = one => ({ date: parseInt(one.WT.match(/\\((.*)\\)/)[1]), sgv: one.Value,
  direction: typeof one.Trend === 'number' ? TRENDS[one.Trend] : one.Trend });
const read = { bridge: () => bridge(said), share: () => connect('dexcomshare',
  { shareAccountName: said.user, sharePassword: said.password }),
  libre: () => connect('librelinkup', { linkUpUsername: said.user, linkUpPassword: said.password, linkUpRegion: 'EU',
    linkUpVersion: said.version, linkUpProduct: 'llu.android' }) };
read[said.what]().then(entries => print(JSON.stringify(entries)), error => { console.error(error); process.exit(1); });
"""
Found = dict[datetime, tuple[float, str]]


def theirs(folder: Path, **said: object) -> Found:
    """What a bridge makes of the double: value and direction by the second."""
    argv = ["node", "peer.js", json.dumps(said)]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sys.exit(f"{said['what']} failed: {done.stderr[-2000:]}")
    entries: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    return {datetime.fromtimestamp(one["date"] // 1000, UTC): (one["sgv"], one["direction"]) for one in entries}


def ours(name: str, url: str, typed: Mapping[str, str], now: datetime) -> Found:
    """What our connector makes of it."""
    provider = installed().get(name)
    assert isinstance(provider.auth, Form)
    site = Site(region="us", double=Double(url=url, client_id="", client_secret=SecretStr(""), redirect_uri=""))
    settings = provider.settings()
    credentials = provider.auth.log_in(settings, site, {key: SecretStr(one) for key, one in typed.items()}, now)
    connector = provider.open(settings, site, lambda _new: credentials, Terms(now=now))
    window = Window(now - timedelta(hours=24), now + timedelta(seconds=1))
    records = [one for page in connector.pages("readings", window) for one in page.records if isinstance(one, Reading)]
    connector.close()
    return {one.time.replace(microsecond=0): (one.value, nightscout_direction(one.trend_word)) for one in records}


def compared(what: str, found: Found, own: Found, *, directions: bool) -> bool:
    """Whether they agree; the bridge may lack the newest, which is off the graph's grid."""
    shared = found.keys() & own.keys()
    same = [at for at in shared if found[at][0] == own[at][0] and (not directions or found[at][1] == own[at][1])]
    alone = [at for at in own.keys() - found.keys() if at > min(found)]
    good = len(shared) > 100 and len(same) == len(shared) == len(found) and len(alone) <= 1
    print(f"{what}: {len(found)} read, {len(own)} by us, {len(same)} the same: {'good' if good else 'NOT THE SAME'}")
    return good


def main() -> int:
    now = datetime.now(UTC)
    scenario = demo_scenario(now, days=3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "peer.js").write_text(SCRIPT)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES], cwd=folder, check=True)
        with dexcom_share.running_cloud(scenario) as (url, cloud):
            typed = {"user": "alma@example.org", "password": cloud.password("alma")}
            own = ours("dexcom_share", url, typed, now)
            results = [
                compared(what, theirs(folder, what=kind, url=url, headers={}, **typed), own, directions=True)
                for what, kind in (("share2nightscout-bridge", "bridge"), ("nightscout-connect, Share", "share"))
            ]
        with librelinkup.running_cloud(scenario) as (url, _cloud):
            person = {"user": "alma@example.org", "password": "alma-libre"}
            headers = {"product": "llu.android", "version": "4.16.0"}
            found = theirs(folder, what="libre", url=url, headers=headers, version="4.16.0", **person)
            own = ours("librelinkup", url, {"email": person["user"], "password": person["password"]}, now)
            results.append(compared("nightscout-connect, LibreLinkUp", found, own, directions=False))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
