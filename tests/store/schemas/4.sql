CREATE TABLE alert_causes (
    cause TEXT NOT NULL,
    told_at BIGINT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (cause)
);
CREATE TABLE alert_facts (
    cause TEXT NOT NULL,
    subject TEXT NOT NULL,
    since BIGINT NOT NULL,
    told_at BIGINT,
    PRIMARY KEY (cause, subject)
);
CREATE TABLE alert_ways (
    way TEXT NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (way)
);
CREATE TABLE allowed_devices (
    host TEXT NOT NULL,
    usb_path TEXT NOT NULL,
    usb_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (host, usb_path, usb_id)
);
CREATE TABLE api_keys (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT,
    parts_a_day BIGINT,
    cost_a_day BIGINT,
    rate BIGINT,
    sims TEXT,
    UNIQUE (hash)
);
CREATE TABLE attempts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    part_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    recipient TEXT NOT NULL,
    iccid TEXT NOT NULL,
    owner TEXT NOT NULL,
    host TEXT NOT NULL,
    instance TEXT NOT NULL,
    path TEXT NOT NULL,
    claimed_at BIGINT NOT NULL,
    charged_at BIGINT,
    submitting_at BIGINT,
    ctrl_z_at BIGINT,
    ended_at BIGINT,
    outcome TEXT,
    phase TEXT,
    kind TEXT,
    code INTEGER,
    detail TEXT,
    mr INTEGER,
    why TEXT
);
CREATE TABLE audit (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT DEFAULT '' NOT NULL,
    data TEXT DEFAULT '{}' NOT NULL
);
CREATE TABLE balances (
    iccid TEXT NOT NULL,
    at BIGINT NOT NULL,
    amount FLOAT,
    how TEXT NOT NULL,
    what TEXT DEFAULT '' NOT NULL,
    PRIMARY KEY (iccid, at)
);
CREATE TABLE batch_errors (
    batch_id BIGINT NOT NULL,
    "row" BIGINT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (batch_id, "row")
);
CREATE TABLE batches (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT,
    fingerprint TEXT NOT NULL,
    idempotency_key TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    rows_done BIGINT DEFAULT '0' NOT NULL,
    accepted BIGINT DEFAULT '0' NOT NULL,
    rejected BIGINT DEFAULT '0' NOT NULL
);
CREATE TABLE complaints (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL,
    at BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    channel TEXT NOT NULL,
    text TEXT NOT NULL,
    who TEXT NOT NULL,
    proof TEXT NOT NULL,
    sent TEXT NOT NULL
);
CREATE TABLE concat_refs (
    iccid TEXT NOT NULL,
    recipient TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (iccid, recipient)
);
CREATE TABLE consent_chain (
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    chain TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (seq)
);
CREATE TABLE consent_records (
    seq BIGINT NOT NULL,
    number TEXT NOT NULL,
    salt TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (seq)
);
CREATE TABLE contacts (
    number TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    attributes TEXT DEFAULT '{}' NOT NULL,
    zone TEXT,
    language TEXT,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (number)
);
CREATE TABLE counters (
    owner TEXT NOT NULL,
    period TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (owner, period, starts_at)
);
CREATE TABLE entered_pins (
    card TEXT NOT NULL,
    sealed TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (card)
);
CREATE TABLE errands (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    iccid TEXT NOT NULL,
    sort TEXT NOT NULL,
    steps TEXT NOT NULL,
    who TEXT NOT NULL,
    at BIGINT NOT NULL,
    take_by BIGINT NOT NULL,
    taken_at BIGINT,
    ended_at BIGINT,
    answer TEXT,
    slug TEXT,
    what TEXT
);
CREATE TABLE events (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    message_id BIGINT,
    subject TEXT DEFAULT '' NOT NULL,
    data TEXT DEFAULT '{}' NOT NULL
);
CREATE TABLE farm (
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE forgotten (
    hash TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (hash)
);
CREATE TABLE hosts (
    name TEXT NOT NULL,
    instance TEXT NOT NULL,
    pid INTEGER,
    version TEXT,
    started_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    machine TEXT,
    PRIMARY KEY (name)
);
CREATE TABLE idempotency (
    "key" TEXT NOT NULL,
    scope TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    status INTEGER,
    answer TEXT,
    batch_id BIGINT,
    PRIMARY KEY ("key", scope)
);
CREATE TABLE inbound (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    iccid TEXT,
    originator TEXT NOT NULL,
    text TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    sent_at BIGINT,
    parts INTEGER DEFAULT '1' NOT NULL,
    parts_read INTEGER DEFAULT '1' NOT NULL,
    complete INTEGER DEFAULT '1' NOT NULL,
    judge_at BIGINT,
    concat_ref INTEGER,
    kind TEXT DEFAULT 'message' NOT NULL,
    verdict TEXT,
    keyword TEXT,
    in_reply_to BIGINT,
    old INTEGER DEFAULT '0' NOT NULL,
    read_at BIGINT,
    filed_by TEXT
);
CREATE TABLE last_cards (
    imei TEXT NOT NULL,
    place TEXT NOT NULL,
    iccid TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (imei, place)
);
CREATE TABLE leases (
    job TEXT NOT NULL,
    host TEXT NOT NULL,
    instance TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    PRIMARY KEY (job)
);
CREATE TABLE login_tries (
    who TEXT NOT NULL,
    failures INTEGER NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (who)
);
CREATE TABLE logins (
    hash TEXT NOT NULL,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    user_id BIGINT,
    seen_at BIGINT,
    PRIMARY KEY (hash)
);
CREATE TABLE marketing_sends (
    message_id BIGINT NOT NULL,
    recipient TEXT NOT NULL,
    digest TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (message_id)
);
CREATE TABLE messages (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL,
    text TEXT NOT NULL,
    class TEXT NOT NULL,
    purpose TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    reason_params TEXT,
    next_at BIGINT,
    encoding TEXT NOT NULL,
    parts_total INTEGER NOT NULL,
    iccid TEXT,
    pinned TEXT,
    rank INTEGER NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    created_at BIGINT NOT NULL,
    send_at BIGINT,
    sent_at BIGINT,
    final_at BIGINT,
    valid_until BIGINT,
    reference TEXT,
    batch_id BIGINT,
    batch_row BIGINT,
    retry_of BIGINT,
    resolved TEXT,
    resend_unknown INTEGER DEFAULT '0' NOT NULL,
    resent INTEGER DEFAULT '0' NOT NULL,
    resend_at BIGINT,
    report INTEGER DEFAULT '1' NOT NULL,
    flash INTEGER DEFAULT '0' NOT NULL,
    tags TEXT,
    metadata TEXT,
    concat_ref INTEGER,
    price FLOAT,
    currency TEXT,
    avoid TEXT,
    charged_key TEXT,
    charged_key_day BIGINT,
    automatic TEXT,
    CONSTRAINT messages_batch_row UNIQUE (batch_id, batch_row)
);
CREATE TABLE modems (
    path TEXT NOT NULL,
    host TEXT NOT NULL,
    imei TEXT,
    usb_path TEXT,
    family TEXT,
    manufacturer TEXT,
    model TEXT,
    firmware TEXT,
    state TEXT NOT NULL,
    sentence TEXT NOT NULL,
    params TEXT DEFAULT '{}' NOT NULL,
    next_action TEXT DEFAULT '' NOT NULL,
    since BIGINT,
    iccid TEXT,
    signal_dbm INTEGER,
    operator TEXT,
    technology TEXT,
    registration TEXT DEFAULT 'unknown' NOT NULL,
    last_success_at BIGINT,
    seen_at BIGINT,
    wish TEXT,
    temperature_c INTEGER,
    voltage_mv INTEGER,
    warning TEXT DEFAULT '' NOT NULL,
    warned_at BIGINT,
    PRIMARY KEY (path, host)
);
CREATE TABLE parts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    message_id BIGINT NOT NULL,
    part_number INTEGER NOT NULL,
    state TEXT NOT NULL,
    recipient TEXT NOT NULL,
    class TEXT NOT NULL,
    batch_id BIGINT,
    bound_iccid TEXT DEFAULT '' NOT NULL,
    rank INTEGER NOT NULL,
    due_at BIGINT NOT NULL,
    gate INTEGER DEFAULT '0' NOT NULL,
    attempt_id BIGINT,
    attempts INTEGER DEFAULT '0' NOT NULL,
    submitting_at BIGINT,
    iccid TEXT,
    mr INTEGER,
    ctrl_z_at BIGINT,
    sent_at BIGINT,
    reported_at BIGINT,
    status INTEGER,
    charged_to TEXT,
    charged_day BIGINT,
    closes_at BIGINT,
    charged_month BIGINT,
    farm_day BIGINT,
    farm_cost BIGINT,
    CONSTRAINT parts_of_message UNIQUE (message_id, part_number)
);
CREATE TABLE pauses (
    scope TEXT NOT NULL,
    value TEXT DEFAULT '' NOT NULL,
    since BIGINT NOT NULL,
    who TEXT,
    PRIMARY KEY (scope, value)
);
CREATE TABLE people (
    number TEXT NOT NULL,
    digits TEXT NOT NULL,
    iccid TEXT,
    exchange_at BIGINT,
    wrote_at BIGINT,
    PRIMARY KEY (number)
);
CREATE TABLE pin_tries (
    card TEXT NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    tries_left INTEGER,
    at BIGINT NOT NULL,
    PRIMARY KEY (card, digest)
);
CREATE TABLE plan_answers (
    owner TEXT NOT NULL,
    month BIGINT NOT NULL,
    answer TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (owner, month)
);
CREATE TABLE plan_recipients (
    owner TEXT NOT NULL,
    month BIGINT NOT NULL,
    recipient TEXT NOT NULL,
    parts BIGINT NOT NULL,
    PRIMARY KEY (owner, month, recipient)
);
CREATE TABLE policy_attestations (
    profile TEXT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    basis TEXT NOT NULL,
    document TEXT,
    until BIGINT NOT NULL,
    withdrawn_at BIGINT,
    PRIMARY KEY (profile, at)
);
CREATE TABLE policy_settings (
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE received (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    pdu TEXT NOT NULL,
    iccid TEXT,
    imei TEXT,
    at BIGINT NOT NULL,
    memory TEXT DEFAULT '' NOT NULL,
    slot INTEGER,
    kind TEXT NOT NULL,
    what TEXT,
    originator TEXT,
    text TEXT,
    scts BIGINT,
    concat_ref INTEGER,
    concat_total INTEGER,
    concat_number INTEGER,
    inbound_id BIGINT,
    recipient TEXT,
    mr INTEGER,
    status INTEGER,
    discharge_at BIGINT,
    part_id BIGINT
);
CREATE TABLE resets (
    sim TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (sim, at)
);
CREATE TABLE reviews (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL,
    inbound_id BIGINT,
    keyword TEXT,
    since BIGINT NOT NULL,
    decided_at BIGINT,
    decision TEXT,
    who TEXT
);
CREATE TABLE signup_words (
    word TEXT NOT NULL,
    shown TEXT NOT NULL,
    purpose TEXT NOT NULL,
    wording TEXT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    PRIMARY KEY (word)
);
CREATE TABLE sims (
    iccid TEXT NOT NULL,
    imsi TEXT,
    number TEXT,
    state TEXT DEFAULT 'active' NOT NULL,
    reason TEXT,
    reason_params TEXT,
    since BIGINT,
    path TEXT,
    host TEXT,
    operator TEXT,
    smsc TEXT,
    first_seen_at BIGINT,
    seen_at BIGINT,
    swept_at BIGINT,
    last_success_at BIGINT,
    label TEXT,
    "plan" TEXT,
    account TEXT,
    tags TEXT,
    expires TEXT,
    smsc_offset_us BIGINT,
    mr_last INTEGER,
    mr_steps_up INTEGER DEFAULT '0' NOT NULL,
    mr_steps_other INTEGER DEFAULT '0' NOT NULL,
    uncertain_in_row INTEGER DEFAULT '0' NOT NULL,
    balance FLOAT,
    PRIMARY KEY (iccid)
);
CREATE TABLE spool_files (
    message_id BIGINT NOT NULL,
    host TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    kept_as TEXT NOT NULL,
    content TEXT NOT NULL,
    stage TEXT NOT NULL,
    present INTEGER DEFAULT '0' NOT NULL,
    reported TEXT DEFAULT '' NOT NULL,
    taken_at BIGINT NOT NULL,
    PRIMARY KEY (message_id)
);
CREATE TABLE suppressions (
    number TEXT NOT NULL,
    digits TEXT NOT NULL,
    since BIGINT NOT NULL,
    source TEXT NOT NULL,
    keyword TEXT,
    inbound_id BIGINT,
    removed_at BIGINT,
    PRIMARY KEY (number)
);
CREATE TABLE users (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password TEXT,
    totp TEXT,
    totp_step BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (name)
);
CREATE TABLE webhook_changes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    message_id BIGINT,
    subject TEXT DEFAULT '' NOT NULL,
    data TEXT DEFAULT '' NOT NULL
);
CREATE TABLE webhook_outbox (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    hook_id BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    order_key TEXT NOT NULL,
    at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    due_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    done_at BIGINT,
    answer TEXT
);
CREATE TABLE webhooks (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    url TEXT NOT NULL,
    sealed TEXT,
    events TEXT NOT NULL,
    source TEXT NOT NULL,
    disabled TEXT,
    created_at BIGINT NOT NULL,
    last_at BIGINT,
    last_answer TEXT
);
CREATE INDEX attempts_by_sim ON attempts (iccid, id);
CREATE INDEX attempts_charged ON attempts (owner, charged_at) WHERE charged_at IS NOT NULL;
CREATE INDEX attempts_of_message ON attempts (message_id, id);
CREATE INDEX attempts_of_part ON attempts (part_id, id);
CREATE INDEX attempts_uncertain ON attempts (path, id) WHERE outcome = 'uncertain';
CREATE INDEX batches_by_fingerprint ON batches (fingerprint, created_at);
CREATE INDEX complaints_by_number ON complaints (number, id);
CREATE INDEX consent_records_by_number ON consent_records (number, seq);
CREATE INDEX errands_by_host ON errands (host);
CREATE INDEX events_of_message ON events (message_id, id) WHERE message_id IS NOT NULL;
CREATE INDEX events_of_things ON events (subject, id) WHERE message_id IS NULL;
CREATE INDEX inbound_by_originator ON inbound (originator, id);
CREATE INDEX inbound_incomplete ON inbound (iccid, originator, concat_ref) WHERE complete = 0;
CREATE INDEX inbound_unfiled ON inbound (received_at) WHERE filed_by IS NULL;
CREATE INDEX logins_by_user ON logins (user_id);
CREATE INDEX marketing_sends_by_age ON marketing_sends (at);
CREATE INDEX marketing_sends_by_recipient ON marketing_sends (recipient, at);
CREATE INDEX messages_by_recipient ON messages (recipient, id);
CREATE INDEX messages_by_reference ON messages (reference, id) WHERE reference IS NOT NULL;
CREATE INDEX messages_by_state ON messages (state, id);
CREATE INDEX messages_expiring ON messages (valid_until) WHERE final_at IS NULL AND valid_until IS NOT NULL;
CREATE INDEX messages_next ON messages (next_at) WHERE state IN ('scheduled', 'held') AND next_at IS NOT NULL;
CREATE INDEX messages_retried ON messages (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX messages_to_resend ON messages (resend_at) WHERE resend_at IS NOT NULL;
CREATE INDEX parts_by_mr ON parts (iccid, mr, sent_at) WHERE mr IS NOT NULL;
CREATE INDEX parts_hidden ON parts (gate, id) WHERE state = 'waiting' AND gate = 1;
CREATE INDEX parts_open ON parts (state) WHERE state IN ('claimed', 'submitting', 'unknown');
CREATE INDEX parts_waiting ON parts (bound_iccid, rank, due_at, id) WHERE state = 'waiting' AND gate = 0;
CREATE INDEX people_by_digits ON people (digits);
CREATE INDEX received_by_pdu ON received (iccid, pdu, at);
CREATE INDEX received_in_slots ON received (iccid, memory, slot) WHERE slot IS NOT NULL;
CREATE INDEX received_loose_reports ON received (iccid, id) WHERE kind = 'status_report' AND part_id IS NULL;
CREATE INDEX received_of_inbound ON received (inbound_id) WHERE inbound_id IS NOT NULL;
CREATE INDEX reviews_by_number ON reviews (number, decided_at);
CREATE INDEX sims_by_imsi ON sims (imsi);
CREATE INDEX spool_files_by_stage ON spool_files (host, stage, message_id);
CREATE UNIQUE INDEX spool_files_present ON spool_files (host, identity) WHERE present = 1;
CREATE INDEX suppressions_by_digits ON suppressions (digits);
CREATE INDEX webhook_outbox_done ON webhook_outbox (done_at);
CREATE INDEX webhook_outbox_due ON webhook_outbox (hook_id, state, due_at, id);
CREATE INDEX webhook_outbox_order ON webhook_outbox (hook_id, order_key, id) WHERE state = 'waiting';
CREATE TRIGGER audit_delete BEFORE DELETE ON audit WHEN NOT (OLD.at < CAST(strftime('%s', 'now') AS INTEGER) * 1000000 - 31536000000000) BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_update BEFORE UPDATE ON audit WHEN 1 BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
