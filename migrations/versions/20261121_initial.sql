-- The schema of the first release. Statements are divided by "-- statement" lines.

CREATE TABLE clinic (
	id UUID NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	subdomain VARCHAR(40) NOT NULL, 
	app_name VARCHAR(60) NOT NULL, 
	logo BYTEA, 
	settings JSONB NOT NULL, 
	archived BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (subdomain)
);

-- statement

CREATE TABLE global_provider_account (
	id UUID NOT NULL, 
	channel VARCHAR(10) NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	label VARCHAR(60) NOT NULL, 
	priority INTEGER NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	base_url VARCHAR(300), 
	credentials BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_global_provider_account_channel CHECK (channel in ('payment', 'email', 'sms', 'whatsapp', 'push', 'video', 'payer'))
);

-- statement

CREATE TABLE user_account (
	id UUID NOT NULL, 
	username VARCHAR(120) NOT NULL, 
	first_name VARCHAR(80) NOT NULL, 
	last_name VARCHAR(80) NOT NULL, 
	email VARCHAR(254), 
	phone VARCHAR(20), 
	language VARCHAR(5) NOT NULL, 
	active BOOLEAN NOT NULL, 
	super_admin BOOLEAN NOT NULL, 
	demo BOOLEAN NOT NULL, 
	password_hash VARCHAR(200) NOT NULL, 
	failed_logins INTEGER NOT NULL, 
	locked_until TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (username)
);

-- statement

CREATE TABLE idempotency_record (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	user_id VARCHAR(36) NOT NULL, 
	key VARCHAR(200) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	status INTEGER, 
	answer BYTEA, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_idempotency_record_key UNIQUE (clinic_id, user_id, key), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_idempotency_record_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "idempotency_record" enable row level security;

-- statement

alter table "idempotency_record" force row level security;

-- statement

create policy clinic_wall on "idempotency_record" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "idempotency_record" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE stored_file (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	owner_id UUID, 
	name VARCHAR(200) NOT NULL, 
	mime_type VARCHAR(100) NOT NULL, 
	size INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	content BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_stored_file_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_stored_file_owner ON stored_file (clinic_id, owner_id, kind);

-- statement

alter table "stored_file" enable row level security;

-- statement

alter table "stored_file" force row level security;

-- statement

create policy clinic_wall on "stored_file" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "stored_file" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE number_series (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	name VARCHAR(30) NOT NULL, 
	period VARCHAR(10) NOT NULL, 
	last BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_number_series UNIQUE (clinic_id, name, period), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_number_series_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "number_series" enable row level security;

-- statement

alter table "number_series" force row level security;

-- statement

create policy clinic_wall on "number_series" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "number_series" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE event (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	type VARCHAR(80) NOT NULL, 
	category VARCHAR(20) NOT NULL, 
	priority VARCHAR(10) NOT NULL, 
	version VARCHAR(10) NOT NULL, 
	source VARCHAR(80) NOT NULL, 
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	user_id UUID, 
	subject_id UUID, 
	payload JSONB, 
	payload_hash VARCHAR(64) NOT NULL, 
	details JSONB NOT NULL, 
	audit_entry_id UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_event_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_event_type ON event (type);

-- statement

CREATE INDEX ix_event_subject_id ON event (subject_id);

-- statement

CREATE INDEX ix_event_clinic_time ON event (clinic_id, occurred_at);

-- statement

alter table "event" enable row level security;

-- statement

alter table "event" force row level security;

-- statement

create policy clinic_wall on "event" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "event" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE location (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	address TEXT NOT NULL, 
	state_code VARCHAR(10), 
	phone VARCHAR(20), 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_location_name UNIQUE (clinic_id, name), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_location_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "location" enable row level security;

-- statement

alter table "location" force row level security;

-- statement

create policy clinic_wall on "location" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "location" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE provider_account (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	channel VARCHAR(10) NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	label VARCHAR(60) NOT NULL, 
	priority INTEGER NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	base_url VARCHAR(300), 
	credentials BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_provider_account_channel CHECK (channel in ('payment', 'email', 'sms', 'whatsapp', 'push', 'video', 'payer')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_provider_account_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_provider_account_order ON provider_account (clinic_id, channel, priority);

-- statement

alter table "provider_account" enable row level security;

-- statement

alter table "provider_account" force row level security;

-- statement

create policy clinic_wall on "provider_account" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "provider_account" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE login_session (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	clinic_id UUID, 
	generation INTEGER NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	last_used_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	revoked_at TIMESTAMP WITH TIME ZONE, 
	revoked_reason VARCHAR(40), 
	address VARCHAR(45), 
	user_agent VARCHAR(200), 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES user_account (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id)
);

-- statement

CREATE INDEX ix_login_session_user ON login_session (user_id, revoked_at);

-- statement

CREATE TABLE audit_entry (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	number BIGINT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	user_id UUID, 
	username VARCHAR(120), 
	role VARCHAR(20), 
	action VARCHAR(80) NOT NULL, 
	entity VARCHAR(60) NOT NULL, 
	entity_id VARCHAR(36), 
	changes JSONB NOT NULL, 
	reason TEXT, 
	address VARCHAR(45), 
	request_id VARCHAR(64), 
	event_id UUID, 
	mac VARCHAR(64) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_audit_entry_number UNIQUE (clinic_id, number), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_audit_entry_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_audit_entry_entity ON audit_entry (clinic_id, entity, entity_id);

-- statement

CREATE INDEX ix_audit_entry_time ON audit_entry (clinic_id, at);

-- statement

alter table "audit_entry" enable row level security;

-- statement

alter table "audit_entry" force row level security;

-- statement

create policy clinic_wall on "audit_entry" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "audit_entry" to clinic_console_system using (true) with check (true);

-- statement

revoke update, delete on audit_entry from clinic_console_app;

-- statement

CREATE TABLE audit_chain (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	length BIGINT NOT NULL, 
	mac VARCHAR(64) NOT NULL, 
	seal VARCHAR(64) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_audit_chain_clinic UNIQUE (clinic_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_audit_chain_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "audit_chain" enable row level security;

-- statement

alter table "audit_chain" force row level security;

-- statement

create policy clinic_wall on "audit_chain" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "audit_chain" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE ledger_account (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	code VARCHAR(40) NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_ledger_account_code UNIQUE (clinic_id, code), 
	CONSTRAINT ck_ledger_account_kind CHECK (kind in ('ASSET', 'LIABILITY', 'EQUITY', 'INCOME', 'EXPENSE')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_ledger_account_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "ledger_account" enable row level security;

-- statement

alter table "ledger_account" force row level security;

-- statement

create policy clinic_wall on "ledger_account" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "ledger_account" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE journal_entry (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	number BIGINT, 
	kind VARCHAR(40) NOT NULL, 
	source_table VARCHAR(60) NOT NULL, 
	source_id UUID NOT NULL, 
	source_key VARCHAR(80) NOT NULL, 
	memo VARCHAR(200) NOT NULL, 
	booked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	booked_on DATE NOT NULL, 
	reverses_id UUID, 
	line_count INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_journal_entry_number UNIQUE (clinic_id, number), 
	CONSTRAINT uq_journal_entry_source UNIQUE (clinic_id, kind, source_table, source_id, source_key), 
	CONSTRAINT uq_journal_entry_reverses UNIQUE (clinic_id, reverses_id), 
	CONSTRAINT ck_journal_entry_line_count CHECK (line_count >= 2), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_journal_entry_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_journal_entry_reverses_id FOREIGN KEY(clinic_id, reverses_id) REFERENCES journal_entry (clinic_id, id)
);

-- statement

CREATE INDEX ix_journal_entry_booked_on ON journal_entry (clinic_id, booked_on, number);

-- statement

CREATE INDEX ix_journal_entry_reverses_id ON journal_entry (clinic_id, reverses_id);

-- statement

CREATE INDEX ix_journal_entry_unnumbered ON journal_entry (clinic_id) WHERE number is null;

-- statement

alter table "journal_entry" enable row level security;

-- statement

alter table "journal_entry" force row level security;

-- statement

create policy clinic_wall on "journal_entry" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "journal_entry" to clinic_console_system using (true) with check (true);

-- statement

create or replace function check_journal_entry() returns trigger language plpgsql as $$
declare
  checked uuid := case when tg_table_name = 'journal_line' then (to_jsonb(new) ->> 'entry_id')::uuid else new.id end;
  expected integer;
  given bigint;
  found integer;
begin
  select line_count, number into expected, given from journal_entry where id = checked;
  select count(*) into found from journal_line where entry_id = checked;
  if expected is distinct from found then
    raise exception 'journal entry % has % lines instead of %', checked, found, expected using errcode = '23514';
  end if;
  if given is null then
    raise exception 'journal entry % has no number', checked using errcode = '23514';
  end if;
  if exists (select from journal_line where entry_id = checked group by currency
             having sum(debit_minor) <> sum(credit_minor)) then
    raise exception 'journal entry % is not balanced', checked using errcode = '23514';
  end if;
  return null;
end $$;

-- statement

create or replace function keep_journal() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and tg_table_name = 'journal_entry' then
    if to_jsonb(old) ->> 'number' is null and (to_jsonb(new) - 'number') = (to_jsonb(old) - 'number') then
      return new;
    end if;
  end if;
  raise exception 'the journal cannot be changed, only reversed' using errcode = '23514';
end $$;

-- statement

create constraint trigger journal_entry_balanced after insert on journal_entry
deferrable initially deferred for each row execute function check_journal_entry();

-- statement

create trigger journal_entry_kept before update or delete on journal_entry
for each row execute function keep_journal();

-- statement

revoke update, delete, truncate on journal_entry from clinic_console_app, clinic_console_system;

-- statement

grant update (number) on journal_entry to clinic_console_app;

-- statement

CREATE TABLE speciality (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_speciality_name UNIQUE (clinic_id, name), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_speciality_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "speciality" enable row level security;

-- statement

alter table "speciality" force row level security;

-- statement

create policy clinic_wall on "speciality" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "speciality" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE tax_rate (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	percent NUMERIC(6, 3) NOT NULL, 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_tax_rate_name UNIQUE (clinic_id, name), 
	CONSTRAINT ck_tax_rate_kind CHECK (kind in ('EXEMPT', 'CGST_SGST', 'IGST', 'VAT')), 
	CONSTRAINT ck_tax_rate_percent CHECK (percent >= 0 and percent <= 100), 
	CONSTRAINT ck_tax_rate_exempt CHECK ((kind = 'EXEMPT') = (percent = 0)), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_tax_rate_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "tax_rate" enable row level security;

-- statement

alter table "tax_rate" force row level security;

-- statement

create policy clinic_wall on "tax_rate" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "tax_rate" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE event_delivery (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	event_id UUID NOT NULL, 
	listener VARCHAR(160) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	error TEXT, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_event_delivery_status CHECK (status in ('PENDING', 'DONE', 'PARKED')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_event_delivery_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_event_delivery_event_id FOREIGN KEY(clinic_id, event_id) REFERENCES event (clinic_id, id)
);

-- statement

CREATE INDEX ix_event_delivery_due ON event_delivery (next_at) WHERE status = 'PENDING';

-- statement

CREATE INDEX ix_event_delivery_event_id ON event_delivery (clinic_id, event_id);

-- statement

CREATE INDEX ix_event_delivery_status ON event_delivery (clinic_id, status, created_at);

-- statement

alter table "event_delivery" enable row level security;

-- statement

alter table "event_delivery" force row level security;

-- statement

create policy clinic_wall on "event_delivery" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "event_delivery" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE room (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_room_name UNIQUE (clinic_id, location_id, name), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_room_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_room_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id)
);

-- statement

CREATE INDEX ix_room_location_id ON room (clinic_id, location_id);

-- statement

alter table "room" enable row level security;

-- statement

alter table "room" force row level security;

-- statement

create policy clinic_wall on "room" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "room" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE patient (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	mrn VARCHAR(20) NOT NULL, 
	first_name VARCHAR(80) NOT NULL, 
	last_name VARCHAR(80) NOT NULL, 
	search_name VARCHAR(400) NOT NULL, 
	search_last_first VARCHAR(400) NOT NULL, 
	gender VARCHAR(10) NOT NULL, 
	date_of_birth DATE, 
	deceased_on DATE, 
	phone VARCHAR(20), 
	phone_raw VARCHAR(60), 
	email VARCHAR(254), 
	address TEXT NOT NULL, 
	city VARCHAR(80) NOT NULL, 
	state VARCHAR(80) NOT NULL, 
	postal_code VARCHAR(20) NOT NULL, 
	country VARCHAR(2), 
	language VARCHAR(10) NOT NULL, 
	preferred_channel VARCHAR(10) NOT NULL, 
	tags JSONB NOT NULL, 
	alerts JSONB NOT NULL, 
	photo_id UUID, 
	source_id VARCHAR(100), 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_patient_source_id UNIQUE (clinic_id, source_id), 
	CONSTRAINT ck_patient_gender CHECK (gender in ('female', 'male', 'other', 'unknown')), 
	CONSTRAINT ck_patient_preferred_channel CHECK (preferred_channel in ('WHATSAPP', 'EMAIL', 'SMS', 'NONE')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_patient_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_patient_photo_id FOREIGN KEY(clinic_id, photo_id) REFERENCES stored_file (clinic_id, id)
);

-- statement

CREATE INDEX ix_patient_created_at ON patient (clinic_id, created_at);

-- statement

CREATE INDEX ix_patient_search_name ON patient (clinic_id, search_name text_pattern_ops);

-- statement

CREATE INDEX ix_patient_search_last_first ON patient (clinic_id, search_last_first text_pattern_ops);

-- statement

CREATE UNIQUE INDEX uq_patient_mrn ON patient (clinic_id, mrn text_pattern_ops);

-- statement

CREATE INDEX ix_patient_date_of_birth ON patient (clinic_id, date_of_birth);

-- statement

CREATE INDEX ix_patient_photo_id ON patient (clinic_id, photo_id);

-- statement

CREATE INDEX ix_patient_phone ON patient (clinic_id, phone text_pattern_ops);

-- statement

alter table "patient" enable row level security;

-- statement

alter table "patient" force row level security;

-- statement

create policy clinic_wall on "patient" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "patient" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE service (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	code VARCHAR(20) NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	description TEXT NOT NULL, 
	visit BOOLEAN NOT NULL, 
	hsn VARCHAR(10) NOT NULL, 
	tax_rate_id UUID, 
	duration_minutes INTEGER, 
	buffer_before_minutes INTEGER NOT NULL, 
	buffer_after_minutes INTEGER NOT NULL, 
	follow_up_days INTEGER, 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_service_code UNIQUE (clinic_id, code), 
	CONSTRAINT ck_service_duration CHECK (duration_minutes is null or duration_minutes > 0), 
	CONSTRAINT ck_service_buffer_before CHECK (buffer_before_minutes between 0 and 240), 
	CONSTRAINT ck_service_buffer_after CHECK (buffer_after_minutes between 0 and 240), 
	CONSTRAINT ck_service_follow_up_days CHECK (follow_up_days is null or follow_up_days > 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_service_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_service_tax_rate_id FOREIGN KEY(clinic_id, tax_rate_id) REFERENCES tax_rate (clinic_id, id)
);

-- statement

CREATE INDEX ix_service_tax_rate_id ON service (clinic_id, tax_rate_id);

-- statement

alter table "service" enable row level security;

-- statement

alter table "service" force row level security;

-- statement

create policy clinic_wall on "service" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "service" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE journal_line (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	entry_id UUID NOT NULL, 
	position INTEGER NOT NULL, 
	account_id UUID NOT NULL, 
	patient_id UUID, 
	currency VARCHAR(3) NOT NULL, 
	debit_minor BIGINT NOT NULL, 
	credit_minor BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_journal_line_position UNIQUE (clinic_id, entry_id, position), 
	CONSTRAINT ck_journal_line_one_side CHECK ((debit_minor > 0 and credit_minor = 0) or (credit_minor > 0 and debit_minor = 0)), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_journal_line_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_journal_line_entry_id FOREIGN KEY(clinic_id, entry_id) REFERENCES journal_entry (clinic_id, id), 
	CONSTRAINT fk_journal_line_account_id FOREIGN KEY(clinic_id, account_id) REFERENCES ledger_account (clinic_id, id), 
	CONSTRAINT fk_journal_line_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_journal_line_entry_id ON journal_line (clinic_id, entry_id);

-- statement

CREATE INDEX ix_journal_line_patient_id ON journal_line (clinic_id, patient_id);

-- statement

CREATE INDEX ix_journal_line_balance ON journal_line (clinic_id, account_id, patient_id, currency);

-- statement

alter table "journal_line" enable row level security;

-- statement

alter table "journal_line" force row level security;

-- statement

create policy clinic_wall on "journal_line" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "journal_line" to clinic_console_system using (true) with check (true);

-- statement

create constraint trigger journal_line_balanced after insert on journal_line
deferrable initially deferred for each row execute function check_journal_entry();

-- statement

create trigger journal_line_kept before update or delete on journal_line
for each row execute function keep_journal();

-- statement

revoke update, delete, truncate on journal_line from clinic_console_app, clinic_console_system;

-- statement

CREATE TABLE message (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	channel VARCHAR(10) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	priority VARCHAR(10) NOT NULL, 
	patient_id UUID, 
	user_id UUID, 
	recipient VARCHAR(254) NOT NULL, 
	template VARCHAR(60) NOT NULL, 
	language VARCHAR(5) NOT NULL, 
	variables JSONB NOT NULL, 
	subject VARCHAR(300) NOT NULL, 
	body TEXT NOT NULL, 
	attachment_ids JSONB NOT NULL, 
	dedupe_key VARCHAR(120) NOT NULL, 
	event_id UUID, 
	attempts INTEGER NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	provider VARCHAR(30), 
	provider_message_id VARCHAR(200), 
	sent_at TIMESTAMP WITH TIME ZONE, 
	read_at TIMESTAMP WITH TIME ZONE, 
	reason VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_message_dedupe UNIQUE (clinic_id, channel, dedupe_key), 
	CONSTRAINT ck_message_status CHECK (status in ('QUEUED', 'SENDING', 'SENT', 'DELIVERED', 'READ', 'FAILED', 'PARKED', 'SUPPRESSED')), 
	CONSTRAINT ck_message_channel CHECK (channel in ('email', 'whatsapp', 'sms', 'push', 'in_app')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_message_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_message_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_message_due ON message (next_at) WHERE status in ('QUEUED', 'SENDING');

-- statement

CREATE INDEX ix_message_patient_id ON message (clinic_id, patient_id);

-- statement

CREATE INDEX ix_message_clinic_time ON message (clinic_id, created_at, id);

-- statement

CREATE INDEX ix_message_provider_id ON message (clinic_id, provider_message_id);

-- statement

alter table "message" enable row level security;

-- statement

alter table "message" force row level security;

-- statement

create policy clinic_wall on "message" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "message" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE doctor (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	title VARCHAR(20) NOT NULL, 
	first_name VARCHAR(80) NOT NULL, 
	last_name VARCHAR(80) NOT NULL, 
	search_name VARCHAR(200) NOT NULL, 
	registration_number VARCHAR(40), 
	registration_council VARCHAR(120) NOT NULL, 
	qualifications VARCHAR(200) NOT NULL, 
	about TEXT NOT NULL, 
	languages JSONB NOT NULL, 
	email VARCHAR(254), 
	phone VARCHAR(20), 
	types JSONB NOT NULL, 
	default_room_id UUID, 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_doctor_registration_number UNIQUE (clinic_id, registration_number), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_doctor_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_doctor_default_room_id FOREIGN KEY(clinic_id, default_room_id) REFERENCES room (clinic_id, id)
);

-- statement

CREATE INDEX ix_doctor_default_room_id ON doctor (clinic_id, default_room_id);

-- statement

CREATE INDEX ix_doctor_search_name ON doctor (clinic_id, search_name text_pattern_ops);

-- statement

alter table "doctor" enable row level security;

-- statement

alter table "doctor" force row level security;

-- statement

create policy clinic_wall on "doctor" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "doctor" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE guardian (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	name VARCHAR(160) NOT NULL, 
	relation VARCHAR(40) NOT NULL, 
	phone VARCHAR(20), 
	email VARCHAR(254), 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_guardian_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_guardian_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_guardian_patient_id ON guardian (clinic_id, patient_id);

-- statement

alter table "guardian" enable row level security;

-- statement

alter table "guardian" force row level security;

-- statement

create policy clinic_wall on "guardian" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "guardian" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE consent (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	given_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	withdrawn_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_consent_kind CHECK (kind in ('TREATMENT', 'DATA_PROCESSING', 'MESSAGES', 'VIDEO_RECORDING')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_consent_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_consent_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_consent_patient_id ON consent (clinic_id, patient_id);

-- statement

alter table "consent" enable row level security;

-- statement

alter table "consent" force row level security;

-- statement

create policy clinic_wall on "consent" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "consent" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE member (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	role VARCHAR(20) NOT NULL, 
	patient_id UUID, 
	doctor_id UUID, 
	location_id UUID, 
	active BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_member_clinic_user UNIQUE (clinic_id, user_id), 
	CONSTRAINT ck_member_role CHECK (role in ('SUPER_ADMIN', 'CLINIC_ADMIN', 'LOCATION_HEAD', 'DOCTOR', 'NURSE', 'RECEPTIONIST', 'PHARMACIST', 'LAB_TECHNICIAN', 'PATIENT', 'ACCOUNTANT', 'FINANCE_BILLING', 'INVENTORY_MANAGER', 'SYSTEM_AUDITOR')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	FOREIGN KEY(user_id) REFERENCES user_account (id), 
	CONSTRAINT uq_member_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_member_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_member_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_member_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id)
);

-- statement

CREATE INDEX ix_member_location_id ON member (clinic_id, location_id);

-- statement

CREATE INDEX ix_member_doctor_id ON member (clinic_id, doctor_id);

-- statement

CREATE INDEX ix_member_user ON member (user_id);

-- statement

CREATE INDEX ix_member_patient_id ON member (clinic_id, patient_id);

-- statement

alter table "member" enable row level security;

-- statement

alter table "member" force row level security;

-- statement

create policy clinic_wall on "member" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "member" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE message_attempt (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	message_id UUID NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	account_id UUID, 
	outcome VARCHAR(30) NOT NULL, 
	code VARCHAR(60) NOT NULL, 
	text VARCHAR(500) NOT NULL, 
	provider_message_id VARCHAR(200), 
	finished_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_message_attempt_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_message_attempt_message_id FOREIGN KEY(clinic_id, message_id) REFERENCES message (clinic_id, id)
);

-- statement

CREATE INDEX ix_message_attempt_message_id ON message_attempt (clinic_id, message_id);

-- statement

alter table "message_attempt" enable row level security;

-- statement

alter table "message_attempt" force row level security;

-- statement

create policy clinic_wall on "message_attempt" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "message_attempt" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE doctor_speciality (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	speciality_id UUID NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_doctor_speciality UNIQUE (clinic_id, doctor_id, speciality_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_doctor_speciality_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_doctor_speciality_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_doctor_speciality_speciality_id FOREIGN KEY(clinic_id, speciality_id) REFERENCES speciality (clinic_id, id)
);

-- statement

CREATE INDEX ix_doctor_speciality_doctor_id ON doctor_speciality (clinic_id, doctor_id);

-- statement

CREATE INDEX ix_doctor_speciality_speciality_id ON doctor_speciality (clinic_id, speciality_id);

-- statement

alter table "doctor_speciality" enable row level security;

-- statement

alter table "doctor_speciality" force row level security;

-- statement

create policy clinic_wall on "doctor_speciality" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "doctor_speciality" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE doctor_location (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_doctor_location UNIQUE (clinic_id, doctor_id, location_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_doctor_location_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_doctor_location_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_doctor_location_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id)
);

-- statement

CREATE INDEX ix_doctor_location_location_id ON doctor_location (clinic_id, location_id);

-- statement

CREATE INDEX ix_doctor_location_doctor_id ON doctor_location (clinic_id, doctor_id);

-- statement

alter table "doctor_location" enable row level security;

-- statement

alter table "doctor_location" force row level security;

-- statement

create policy clinic_wall on "doctor_location" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "doctor_location" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE service_price (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	service_id UUID NOT NULL, 
	doctor_id UUID, 
	appointment_type VARCHAR(20), 
	price_minor BIGINT NOT NULL, 
	follow_up_price_minor BIGINT, 
	currency VARCHAR(3) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_service_price_appointment_type CHECK (appointment_type in ('IN_PERSON', 'VIDEO_CALL', 'HOME_VISIT')), 
	CONSTRAINT ck_service_price_amount CHECK (price_minor >= 0 and (follow_up_price_minor is null or follow_up_price_minor >= 0)), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_service_price_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_service_price_service_id FOREIGN KEY(clinic_id, service_id) REFERENCES service (clinic_id, id), 
	CONSTRAINT fk_service_price_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id)
);

-- statement

CREATE INDEX ix_service_price_doctor_id ON service_price (clinic_id, doctor_id);

-- statement

CREATE UNIQUE INDEX uq_service_price ON service_price (clinic_id, service_id, doctor_id, appointment_type) NULLS NOT DISTINCT;

-- statement

alter table "service_price" enable row level security;

-- statement

alter table "service_price" force row level security;

-- statement

create policy clinic_wall on "service_price" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "service_price" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE availability_rule (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	room_id UUID, 
	weekday INTEGER NOT NULL, 
	opens TIME WITHOUT TIME ZONE NOT NULL, 
	closes TIME WITHOUT TIME ZONE NOT NULL, 
	valid_from DATE, 
	valid_until DATE, 
	types VARCHAR(20)[] NOT NULL, 
	slot_minutes INTEGER NOT NULL, 
	capacity INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_availability_rule_weekday CHECK (weekday between 0 and 6), 
	CONSTRAINT ck_availability_rule_hours CHECK (opens < closes), 
	CONSTRAINT ck_availability_rule_validity CHECK (valid_from <= valid_until), 
	CONSTRAINT ck_availability_rule_types CHECK (types <@ array['IN_PERSON', 'VIDEO_CALL', 'HOME_VISIT']::varchar[] and cardinality(types) > 0), 
	CONSTRAINT ck_availability_rule_slot CHECK (slot_minutes between 5 and 480), 
	CONSTRAINT ck_availability_rule_capacity CHECK (capacity between 1 and 500), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_availability_rule_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_availability_rule_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_availability_rule_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id), 
	CONSTRAINT fk_availability_rule_room_id FOREIGN KEY(clinic_id, room_id) REFERENCES room (clinic_id, id)
);

-- statement

CREATE INDEX ix_availability_rule_doctor ON availability_rule (clinic_id, doctor_id, weekday);

-- statement

CREATE INDEX ix_availability_rule_location_id ON availability_rule (clinic_id, location_id);

-- statement

CREATE INDEX ix_availability_rule_room_id ON availability_rule (clinic_id, room_id);

-- statement

alter table "availability_rule" enable row level security;

-- statement

alter table "availability_rule" force row level security;

-- statement

create policy clinic_wall on "availability_rule" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "availability_rule" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE availability_exception (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_id UUID, 
	location_id UUID, 
	room_id UUID, 
	kind VARCHAR(10) NOT NULL, 
	starts_on DATE NOT NULL, 
	ends_on DATE NOT NULL, 
	opens TIME WITHOUT TIME ZONE, 
	closes TIME WITHOUT TIME ZONE, 
	reason VARCHAR(200) NOT NULL, 
	types VARCHAR(20)[] NOT NULL, 
	slot_minutes INTEGER NOT NULL, 
	capacity INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_availability_exception_kind CHECK (kind in ('REMOVE', 'ADD')), 
	CONSTRAINT ck_availability_exception_days CHECK (starts_on <= ends_on), 
	CONSTRAINT ck_availability_exception_hour CHECK ((opens is null) = (closes is null) and opens < closes), 
	CONSTRAINT ck_availability_exception_added CHECK (kind = 'REMOVE' or (doctor_id is not null and location_id is not null and opens is not null)), 
	CONSTRAINT ck_availability_exception_types CHECK (types <@ array['IN_PERSON', 'VIDEO_CALL', 'HOME_VISIT']::varchar[] and cardinality(types) > 0), 
	CONSTRAINT ck_availability_exception_slot CHECK (slot_minutes between 5 and 480), 
	CONSTRAINT ck_availability_exception_capacity CHECK (capacity between 1 and 500), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_availability_exception_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_availability_exception_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_availability_exception_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id), 
	CONSTRAINT fk_availability_exception_room_id FOREIGN KEY(clinic_id, room_id) REFERENCES room (clinic_id, id)
);

-- statement

CREATE INDEX ix_availability_exception_doctor_id ON availability_exception (clinic_id, doctor_id);

-- statement

CREATE INDEX ix_availability_exception_room_id ON availability_exception (clinic_id, room_id);

-- statement

CREATE INDEX ix_availability_exception_location_id ON availability_exception (clinic_id, location_id);

-- statement

CREATE INDEX ix_availability_exception_days ON availability_exception (clinic_id, ends_on, starts_on);

-- statement

alter table "availability_exception" enable row level security;

-- statement

alter table "availability_exception" force row level security;

-- statement

create policy clinic_wall on "availability_exception" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "availability_exception" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE slot_hold (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	patient_id UUID, 
	held_by_id UUID, 
	type VARCHAR(20) NOT NULL, 
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	busy TSTZRANGE NOT NULL, 
	seats INT4RANGE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ex_slot_hold_doctor EXCLUDE USING gist (int8range(uuid_hash_extended(doctor_id, 0), uuid_hash_extended(doctor_id, 0), '[]') WITH &&, busy WITH &&, seats WITH &&) WHERE (true) DEFERRABLE INITIALLY IMMEDIATE, 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_slot_hold_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_slot_hold_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_slot_hold_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id), 
	CONSTRAINT fk_slot_hold_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_slot_hold_location_id ON slot_hold (clinic_id, location_id);

-- statement

CREATE INDEX ix_slot_hold_expiry ON slot_hold (expires_at);

-- statement

CREATE INDEX ix_slot_hold_doctor ON slot_hold (clinic_id, doctor_id, starts_at);

-- statement

CREATE INDEX ix_slot_hold_patient_id ON slot_hold (clinic_id, patient_id);

-- statement

alter table "slot_hold" enable row level security;

-- statement

alter table "slot_hold" force row level security;

-- statement

create policy clinic_wall on "slot_hold" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "slot_hold" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE appointment (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	room_id UUID, 
	type VARCHAR(20) NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	busy TSTZRANGE NOT NULL, 
	seats INT4RANGE NOT NULL, 
	overbooked BOOLEAN NOT NULL, 
	overbook_reason VARCHAR(200) NOT NULL, 
	notes TEXT NOT NULL, 
	booked_by_id UUID, 
	booked_by_patient BOOLEAN NOT NULL, 
	payment_due_at TIMESTAMP WITH TIME ZONE, 
	confirmed_at TIMESTAMP WITH TIME ZONE, 
	checked_in_at TIMESTAMP WITH TIME ZONE, 
	started_at TIMESTAMP WITH TIME ZONE, 
	completed_at TIMESTAMP WITH TIME ZONE, 
	cancelled_at TIMESTAMP WITH TIME ZONE, 
	cancelled_reason VARCHAR(20), 
	cancelled_note VARCHAR(500) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_appointment_type CHECK (type in ('IN_PERSON', 'VIDEO_CALL', 'HOME_VISIT')), 
	CONSTRAINT ck_appointment_status CHECK (status in ('REQUESTED', 'SCHEDULED', 'CONFIRMED', 'CHECKED_IN', 'IN_PROGRESS', 'COMPLETED', 'DECLINED', 'CANCELLED', 'NO_SHOW')), 
	CONSTRAINT ck_appointment_cancelled_reason CHECK (cancelled_reason in ('PATIENT_REQUEST', 'PATIENT_UNWELL', 'DOCTOR_UNAVAILABLE', 'CLINIC_CLOSED', 'BOOKED_IN_ERROR', 'UNPAID', 'OTHER')), 
	CONSTRAINT ck_appointment_times CHECK (starts_at < ends_at), 
	CONSTRAINT ck_appointment_busy CHECK (not isempty(busy) and busy @> tstzrange(starts_at, ends_at, '[)')), 
	CONSTRAINT ck_appointment_seats CHECK (not isempty(seats)), 
	CONSTRAINT ck_appointment_overbooked CHECK (not overbooked or overbook_reason <> ''), 
	CONSTRAINT ex_appointment_doctor EXCLUDE USING gist (int8range(uuid_hash_extended(doctor_id, 0), uuid_hash_extended(doctor_id, 0), '[]') WITH &&, busy WITH &&, seats WITH &&) WHERE (status in ('REQUESTED', 'SCHEDULED', 'CONFIRMED', 'CHECKED_IN', 'IN_PROGRESS') and not overbooked) DEFERRABLE INITIALLY IMMEDIATE, 
	CONSTRAINT ex_appointment_room EXCLUDE USING gist (int8range(uuid_hash_extended(room_id, 0), uuid_hash_extended(room_id, 0), '[]') WITH &&, busy WITH &&, seats WITH &&) WHERE (room_id is not null and status in ('REQUESTED', 'SCHEDULED', 'CONFIRMED', 'CHECKED_IN', 'IN_PROGRESS') and not overbooked) DEFERRABLE INITIALLY IMMEDIATE, 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_appointment_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_appointment_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_appointment_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_appointment_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id), 
	CONSTRAINT fk_appointment_room_id FOREIGN KEY(clinic_id, room_id) REFERENCES room (clinic_id, id)
);

-- statement

CREATE INDEX ix_appointment_patient_status ON appointment (clinic_id, patient_id, status);

-- statement

CREATE INDEX ix_appointment_payment_due ON appointment (payment_due_at) WHERE status = 'SCHEDULED' and payment_due_at is not null;

-- statement

CREATE INDEX ix_appointment_room_id ON appointment (clinic_id, room_id);

-- statement

CREATE INDEX ix_appointment_clinic_time ON appointment (clinic_id, starts_at, id);

-- statement

CREATE INDEX ix_appointment_location_id ON appointment (clinic_id, location_id);

-- statement

CREATE INDEX ix_appointment_patient_time ON appointment (clinic_id, patient_id, starts_at, id);

-- statement

CREATE INDEX ix_appointment_room_time ON appointment (clinic_id, room_id, starts_at) WHERE room_id is not null;

-- statement

CREATE INDEX ix_appointment_doctor_time ON appointment (clinic_id, doctor_id, starts_at, id);

-- statement

alter table "appointment" enable row level security;

-- statement

alter table "appointment" force row level security;

-- statement

create policy clinic_wall on "appointment" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "appointment" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE doctor_queue (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	queued_on DATE NOT NULL, 
	letter VARCHAR(3) NOT NULL, 
	last_number INTEGER NOT NULL, 
	moves INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_doctor_queue_day UNIQUE (clinic_id, doctor_id, location_id, queued_on), 
	CONSTRAINT uq_doctor_queue_letter UNIQUE (clinic_id, location_id, queued_on, letter), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_doctor_queue_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_doctor_queue_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_doctor_queue_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id)
);

-- statement

CREATE INDEX ix_doctor_queue_doctor_id ON doctor_queue (clinic_id, doctor_id);

-- statement

CREATE INDEX ix_doctor_queue_location_id ON doctor_queue (clinic_id, location_id);

-- statement

alter table "doctor_queue" enable row level security;

-- statement

alter table "doctor_queue" force row level security;

-- statement

create policy clinic_wall on "doctor_queue" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "doctor_queue" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE appointment_change (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	appointment_id UUID NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	from_status VARCHAR(20), 
	to_status VARCHAR(20) NOT NULL, 
	from_starts_at TIMESTAMP WITH TIME ZONE, 
	to_starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	from_doctor_id UUID, 
	user_id UUID, 
	reason VARCHAR(500) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_appointment_change_kind CHECK (kind in ('BOOKED', 'APPROVED', 'DECLINED', 'CONFIRMED', 'RESCHEDULED', 'UPDATED', 'CHECKED_IN', 'STARTED', 'COMPLETED', 'CANCELLED', 'RELEASED', 'RETAKEN', 'NO_SHOW')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_appointment_change_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_appointment_change_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE INDEX ix_appointment_change_appointment ON appointment_change (clinic_id, appointment_id, created_at);

-- statement

alter table "appointment_change" enable row level security;

-- statement

alter table "appointment_change" force row level security;

-- statement

create policy clinic_wall on "appointment_change" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "appointment_change" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE queue_token (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	queue_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	appointment_id UUID, 
	patient_id UUID NOT NULL, 
	queued_on DATE NOT NULL, 
	sequence INTEGER NOT NULL, 
	number VARCHAR(12) NOT NULL, 
	priority SMALLINT NOT NULL, 
	status VARCHAR(12) NOT NULL, 
	arrived_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	called_at TIMESTAMP WITH TIME ZONE, 
	serving_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	calls INTEGER NOT NULL, 
	handled_by_id UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_queue_token_status CHECK (status in ('WAITING', 'CALLED', 'SERVING', 'HELD', 'SKIPPED', 'TRANSFERRED', 'SERVED', 'LEFT')), 
	CONSTRAINT ck_queue_token_priority CHECK (priority between 0 and 4), 
	CONSTRAINT uq_queue_token_sequence UNIQUE (clinic_id, queue_id, sequence), 
	CONSTRAINT uq_queue_token_appointment UNIQUE (clinic_id, appointment_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_queue_token_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_queue_token_queue_id FOREIGN KEY(clinic_id, queue_id) REFERENCES doctor_queue (clinic_id, id), 
	CONSTRAINT fk_queue_token_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_queue_token_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id), 
	CONSTRAINT fk_queue_token_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id), 
	CONSTRAINT fk_queue_token_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_queue_token_patient_day ON queue_token (clinic_id, patient_id, queued_on);

-- statement

CREATE INDEX ix_queue_token_queue_id ON queue_token (clinic_id, queue_id);

-- statement

CREATE INDEX ix_queue_token_doctor_day ON queue_token (clinic_id, doctor_id, queued_on, status);

-- statement

CREATE INDEX ix_queue_token_location_day ON queue_token (clinic_id, location_id, queued_on, status);

-- statement

CREATE INDEX ix_queue_token_appointment_id ON queue_token (clinic_id, appointment_id);

-- statement

alter table "queue_token" enable row level security;

-- statement

alter table "queue_token" force row level security;

-- statement

create policy clinic_wall on "queue_token" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "queue_token" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE invoice (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	number VARCHAR(30), 
	status VARCHAR(20) NOT NULL, 
	patient_id UUID NOT NULL, 
	appointment_id UUID, 
	location_id UUID, 
	doctor_id UUID, 
	opened_at TIMESTAMP WITH TIME ZONE, 
	due_on DATE, 
	currency VARCHAR(3) NOT NULL, 
	subtotal_minor BIGINT NOT NULL, 
	discount_minor BIGINT NOT NULL, 
	tax_minor BIGINT NOT NULL, 
	total_minor BIGINT NOT NULL, 
	paid_minor BIGINT NOT NULL, 
	credited_minor BIGINT NOT NULL, 
	discount_reason VARCHAR(300) NOT NULL, 
	notes TEXT NOT NULL, 
	void_reason VARCHAR(300) NOT NULL, 
	pdf_file_id UUID, 
	pdf_state VARCHAR(60) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_invoice_number UNIQUE (clinic_id, number), 
	CONSTRAINT ck_invoice_status CHECK (status in ('DRAFT', 'OPEN', 'PARTIALLY_PAID', 'PAID', 'VOID', 'WRITTEN_OFF')), 
	CONSTRAINT ck_invoice_number_once_open CHECK (case status when 'DRAFT' then number is null when 'VOID' then true else number is not null end), 
	CONSTRAINT ck_invoice_sums CHECK (subtotal_minor >= 0 and discount_minor >= 0 and tax_minor >= 0 and total_minor >= 0), 
	CONSTRAINT ck_invoice_total CHECK (total_minor = subtotal_minor - discount_minor + tax_minor), 
	CONSTRAINT ck_invoice_settled CHECK (0 <= paid_minor and 0 <= credited_minor and paid_minor + credited_minor <= total_minor), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_invoice_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_invoice_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_invoice_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id), 
	CONSTRAINT fk_invoice_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id), 
	CONSTRAINT fk_invoice_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_invoice_pdf_file_id FOREIGN KEY(clinic_id, pdf_file_id) REFERENCES stored_file (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_invoice_appointment ON invoice (clinic_id, appointment_id) WHERE appointment_id is not null and status <> 'VOID';

-- statement

CREATE INDEX ix_invoice_location_id ON invoice (clinic_id, location_id);

-- statement

CREATE INDEX ix_invoice_doctor_id ON invoice (clinic_id, doctor_id);

-- statement

CREATE INDEX ix_invoice_appointment_id ON invoice (clinic_id, appointment_id);

-- statement

CREATE INDEX ix_invoice_clinic_time ON invoice (clinic_id, created_at, id);

-- statement

CREATE INDEX ix_invoice_clinic_status ON invoice (clinic_id, status, due_on);

-- statement

CREATE INDEX ix_invoice_patient_id ON invoice (clinic_id, patient_id);

-- statement

CREATE INDEX ix_invoice_pdf_file_id ON invoice (clinic_id, pdf_file_id);

-- statement

alter table "invoice" enable row level security;

-- statement

alter table "invoice" force row level security;

-- statement

create policy clinic_wall on "invoice" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "invoice" to clinic_console_system using (true) with check (true);

-- statement

create or replace function check_invoice_sums() returns trigger language plpgsql as $$
declare
  checked uuid := case when tg_table_name = 'invoice_line' then (to_jsonb(new) ->> 'invoice_id')::uuid else new.id end;
begin
  if exists (
    select from invoice i cross join lateral (
      select coalesce(sum(net_minor), 0) as net, coalesce(sum(share_minor), 0) as share,
        coalesce(sum(tax_minor), 0) as tax
      from invoice_line l where l.clinic_id = i.clinic_id and l.invoice_id = i.id
    ) as summed
    where i.id = checked
      and (i.subtotal_minor <> summed.net or i.discount_minor <> summed.share or i.tax_minor <> summed.tax)
  ) then
    raise exception 'the lines of invoice % do not add up to it', checked using errcode = '23514';
  end if;
  return null;
end $$;

-- statement

create or replace function keep_invoice() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or (
    old.number, old.currency, old.opened_at, old.due_on, old.appointment_id, old.subtotal_minor, old.discount_minor,
    old.tax_minor, old.total_minor, old.discount_reason
  ) is distinct from (
    new.number, new.currency, new.opened_at, new.due_on, new.appointment_id, new.subtotal_minor, new.discount_minor,
    new.tax_minor, new.total_minor, new.discount_reason
  ) then
    raise exception 'an issued invoice cannot be changed, only corrected by a credit note' using errcode = '23514';
  end if;
  return new;
end $$;

-- statement

create constraint trigger invoice_adds_up after insert or update of subtotal_minor, discount_minor, tax_minor on invoice
deferrable initially deferred for each row execute function check_invoice_sums();

-- statement

create trigger invoice_kept before update or delete on invoice
for each row when (old.status <> 'DRAFT') execute function keep_invoice();

-- statement

CREATE TABLE payment (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	invoice_id UUID, 
	appointment_id UUID, 
	provider VARCHAR(30) NOT NULL, 
	account_id UUID, 
	order_id VARCHAR(80), 
	gateway_payment_id VARCHAR(80), 
	status VARCHAR(20) GENERATED ALWAYS AS (
case
  when captured_minor > 0 and refunded_minor >= captured_minor then 'REFUNDED'
  when captured_minor > 0 and refunded_minor > 0 then 'PARTIALLY_REFUNDED'
  when captured_minor > 0 then 'COMPLETED'
  when in_doubt then 'UNKNOWN'
  when authorized_minor > voided_minor then 'AUTHORIZED'
  when voided_minor > 0 then 'VOIDED'
  when pending_minor > 0 then 'PENDING'
  else 'FAILED'
end
) STORED NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	authorized_minor BIGINT NOT NULL, 
	captured_minor BIGINT NOT NULL, 
	refunded_minor BIGINT NOT NULL, 
	voided_minor BIGINT NOT NULL, 
	pending_minor BIGINT NOT NULL, 
	refund_pending_minor BIGINT NOT NULL, 
	in_doubt BOOLEAN NOT NULL, 
	manual_capture BOOLEAN NOT NULL, 
	method VARCHAR(30) NOT NULL, 
	description VARCHAR(200) NOT NULL, 
	reference VARCHAR(80) NOT NULL, 
	notes TEXT NOT NULL, 
	failure_code VARCHAR(64) NOT NULL, 
	failure_text VARCHAR(300) NOT NULL, 
	completed_at TIMESTAMP WITH TIME ZONE, 
	abandoned_at TIMESTAMP WITH TIME ZONE, 
	recorded_by_id UUID, 
	payer JSONB NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_payment_amount CHECK (amount_minor > 0), 
	CONSTRAINT ck_payment_not_negative CHECK (authorized_minor >= 0 and voided_minor >= 0 and pending_minor >= 0 and refund_pending_minor >= 0), 
	CONSTRAINT ck_payment_sums CHECK (0 <= refunded_minor and refunded_minor <= captured_minor and captured_minor <= authorized_minor), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_payment_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_payment_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_payment_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id), 
	CONSTRAINT fk_payment_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE INDEX ix_payment_patient_id ON payment (clinic_id, patient_id);

-- statement

CREATE INDEX ix_payment_clinic_status ON payment (clinic_id, status, created_at);

-- statement

CREATE INDEX ix_payment_invoice_id ON payment (clinic_id, invoice_id);

-- statement

CREATE INDEX ix_payment_appointment_id ON payment (clinic_id, appointment_id);

-- statement

CREATE UNIQUE INDEX uq_payment_order ON payment (clinic_id, provider, order_id) WHERE order_id is not null;

-- statement

CREATE INDEX ix_payment_gateway_payment_id ON payment (gateway_payment_id);

-- statement

CREATE INDEX ix_payment_clinic_time ON payment (clinic_id, created_at, id);

-- statement

alter table "payment" enable row level security;

-- statement

alter table "payment" force row level security;

-- statement

create policy clinic_wall on "payment" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "payment" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE queue_move (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	token_id UUID NOT NULL, 
	kind VARCHAR(12) NOT NULL, 
	from_status VARCHAR(12), 
	to_status VARCHAR(12) NOT NULL, 
	user_id UUID, 
	note VARCHAR(200) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_queue_move_kind CHECK (kind in ('ISSUED', 'CALLED', 'RECALLED', 'SKIPPED', 'HELD', 'RETURNED', 'SERVING', 'SERVED', 'LEFT')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_queue_move_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_queue_move_token_id FOREIGN KEY(clinic_id, token_id) REFERENCES queue_token (clinic_id, id)
);

-- statement

CREATE INDEX ix_queue_move_token ON queue_move (clinic_id, token_id, created_at);

-- statement

alter table "queue_move" enable row level security;

-- statement

alter table "queue_move" force row level security;

-- statement

create policy clinic_wall on "queue_move" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "queue_move" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE invoice_line (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	invoice_id UUID NOT NULL, 
	position INTEGER NOT NULL, 
	service_id UUID, 
	description VARCHAR(200) NOT NULL, 
	code VARCHAR(20) NOT NULL, 
	hsn VARCHAR(10) NOT NULL, 
	quantity NUMERIC(12, 3) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	unit_price_minor BIGINT NOT NULL, 
	discount_minor BIGINT NOT NULL, 
	net_minor BIGINT NOT NULL, 
	share_minor BIGINT NOT NULL, 
	tax_minor BIGINT NOT NULL, 
	tax_rate_id UUID, 
	tax_components JSONB NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_invoice_line_quantity CHECK (quantity > 0), 
	CONSTRAINT ck_invoice_line_sums CHECK (unit_price_minor >= 0 and discount_minor >= 0 and net_minor >= 0 and tax_minor >= 0), 
	CONSTRAINT ck_invoice_line_share CHECK (0 <= share_minor and share_minor <= net_minor), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_invoice_line_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_invoice_line_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id), 
	CONSTRAINT fk_invoice_line_service_id FOREIGN KEY(clinic_id, service_id) REFERENCES service (clinic_id, id), 
	CONSTRAINT fk_invoice_line_tax_rate_id FOREIGN KEY(clinic_id, tax_rate_id) REFERENCES tax_rate (clinic_id, id)
);

-- statement

CREATE INDEX ix_invoice_line_invoice_id ON invoice_line (clinic_id, invoice_id);

-- statement

CREATE INDEX ix_invoice_line_service_id ON invoice_line (clinic_id, service_id);

-- statement

CREATE INDEX ix_invoice_line_tax_rate_id ON invoice_line (clinic_id, tax_rate_id);

-- statement

alter table "invoice_line" enable row level security;

-- statement

alter table "invoice_line" force row level security;

-- statement

create policy clinic_wall on "invoice_line" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "invoice_line" to clinic_console_system using (true) with check (true);

-- statement

create or replace function keep_invoice_line() returns trigger language plpgsql as $$
begin
  if exists (select from invoice where id = old.invoice_id and status <> 'DRAFT') then
    raise exception 'a line of an issued invoice cannot be changed' using errcode = '23514';
  end if;
  return coalesce(new, old);
end $$;

-- statement

create constraint trigger invoice_line_adds_up after insert or update on invoice_line
deferrable initially deferred for each row execute function check_invoice_sums();

-- statement

create trigger invoice_line_kept before update or delete on invoice_line
for each row execute function keep_invoice_line();

-- statement

CREATE TABLE pay_link (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	invoice_id UUID NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	used_at TIMESTAMP WITH TIME ZONE, 
	revoked_at TIMESTAMP WITH TIME ZONE, 
	printed BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_pay_link_token UNIQUE (token_hash), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_pay_link_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_pay_link_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id)
);

-- statement

CREATE INDEX ix_pay_link_invoice_id ON pay_link (clinic_id, invoice_id);

-- statement

alter table "pay_link" enable row level security;

-- statement

alter table "pay_link" force row level security;

-- statement

create policy clinic_wall on "pay_link" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "pay_link" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE payment_attempt (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	payment_id UUID NOT NULL, 
	gateway_payment_id VARCHAR(80) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	authorized_minor BIGINT NOT NULL, 
	captured_minor BIGINT NOT NULL, 
	voided_minor BIGINT NOT NULL, 
	refunded_minor BIGINT NOT NULL, 
	failed BOOLEAN NOT NULL, 
	method VARCHAR(30) NOT NULL, 
	fee_minor BIGINT, 
	fee_tax_minor BIGINT, 
	fee_currency VARCHAR(3), 
	failure_code VARCHAR(64) NOT NULL, 
	failure_text VARCHAR(300) NOT NULL, 
	attempted_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_payment_attempt UNIQUE (clinic_id, payment_id, gateway_payment_id), 
	CONSTRAINT ck_payment_attempt_captured CHECK (captured_minor <= authorized_minor), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_payment_attempt_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_payment_attempt_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id)
);

-- statement

CREATE INDEX ix_payment_attempt_gateway_id ON payment_attempt (clinic_id, gateway_payment_id);

-- statement

CREATE INDEX ix_payment_attempt_payment_id ON payment_attempt (clinic_id, payment_id);

-- statement

alter table "payment_attempt" enable row level security;

-- statement

alter table "payment_attempt" force row level security;

-- statement

create policy clinic_wall on "payment_attempt" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "payment_attempt" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE refund (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	payment_id UUID NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	reason VARCHAR(300) NOT NULL, 
	destination VARCHAR(20) NOT NULL, 
	external BOOLEAN NOT NULL, 
	gateway_payment_id VARCHAR(80), 
	gateway_refund_id VARCHAR(80), 
	bank_reference VARCHAR(80) NOT NULL, 
	requested_by_id UUID, 
	decided_by_id UUID, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	decision_note VARCHAR(300) NOT NULL, 
	sent_at TIMESTAMP WITH TIME ZONE, 
	settled_at TIMESTAMP WITH TIME ZONE, 
	failed_at TIMESTAMP WITH TIME ZONE, 
	error_code VARCHAR(64) NOT NULL, 
	error_text VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_refund_status CHECK (status in ('REQUESTED', 'APPROVED', 'SENT', 'SETTLED', 'FAILED', 'REJECTED')), 
	CONSTRAINT ck_refund_destination CHECK (destination in ('ORIGINAL', 'CASH', 'UPI', 'CARD_TERMINAL', 'CHEQUE', 'BANK')), 
	CONSTRAINT ck_refund_amount CHECK (amount_minor > 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_refund_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_refund_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id)
);

-- statement

CREATE INDEX ix_refund_status ON refund (clinic_id, status, created_at);

-- statement

CREATE UNIQUE INDEX uq_refund_gateway_id ON refund (clinic_id, payment_id, gateway_refund_id) WHERE gateway_refund_id is not null;

-- statement

CREATE INDEX ix_refund_payment ON refund (clinic_id, payment_id, created_at);

-- statement

alter table "refund" enable row level security;

-- statement

alter table "refund" force row level security;

-- statement

create policy clinic_wall on "refund" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "refund" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE webhook_event (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	gateway VARCHAR(30) NOT NULL, 
	account_id UUID NOT NULL, 
	event_id VARCHAR(120) NOT NULL, 
	event VARCHAR(80) NOT NULL, 
	order_id VARCHAR(80), 
	gateway_payment_id VARCHAR(80), 
	occurred_at TIMESTAMP WITH TIME ZONE, 
	raw BYTEA NOT NULL, 
	headers JSONB NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	processed_at TIMESTAMP WITH TIME ZONE, 
	error VARCHAR(300) NOT NULL, 
	payment_id UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_webhook_event UNIQUE (clinic_id, gateway, account_id, event_id), 
	CONSTRAINT ck_webhook_event_status CHECK (status in ('RECEIVED', 'PROCESSED', 'IGNORED', 'WAITING', 'PARKED')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_webhook_event_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_webhook_event_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id)
);

-- statement

CREATE INDEX ix_webhook_event_due ON webhook_event (next_at) WHERE status in ('RECEIVED', 'WAITING');

-- statement

CREATE INDEX ix_webhook_event_payment_id ON webhook_event (clinic_id, payment_id);

-- statement

CREATE INDEX ix_webhook_event_status ON webhook_event (clinic_id, status, created_at);

-- statement

alter table "webhook_event" enable row level security;

-- statement

alter table "webhook_event" force row level security;

-- statement

create policy clinic_wall on "webhook_event" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "webhook_event" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE invoice_allocation (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	invoice_id UUID NOT NULL, 
	payment_id UUID NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	applied_minor BIGINT NOT NULL, 
	returned_minor BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_invoice_allocation UNIQUE (clinic_id, invoice_id, payment_id), 
	CONSTRAINT ck_invoice_allocation_sums CHECK (0 <= returned_minor and returned_minor <= applied_minor), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_invoice_allocation_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_invoice_allocation_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id), 
	CONSTRAINT fk_invoice_allocation_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id)
);

-- statement

CREATE INDEX ix_invoice_allocation_payment_id ON invoice_allocation (clinic_id, payment_id);

-- statement

CREATE INDEX ix_invoice_allocation_invoice_id ON invoice_allocation (clinic_id, invoice_id);

-- statement

alter table "invoice_allocation" enable row level security;

-- statement

alter table "invoice_allocation" force row level security;

-- statement

create policy clinic_wall on "invoice_allocation" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "invoice_allocation" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE receipt (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	number VARCHAR(30) NOT NULL, 
	payment_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	issued_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_receipt_number UNIQUE (clinic_id, number), 
	CONSTRAINT uq_receipt_payment UNIQUE (clinic_id, payment_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_receipt_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_receipt_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id), 
	CONSTRAINT fk_receipt_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_receipt_patient_id ON receipt (clinic_id, patient_id);

-- statement

CREATE INDEX ix_receipt_payment_id ON receipt (clinic_id, payment_id);

-- statement

alter table "receipt" enable row level security;

-- statement

alter table "receipt" force row level security;

-- statement

create policy clinic_wall on "receipt" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "receipt" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE payment_operation (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	payment_id UUID NOT NULL, 
	refund_id UUID, 
	kind VARCHAR(20) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	key VARCHAR(64) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE, 
	woken_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	gateway_id VARCHAR(80), 
	error_code VARCHAR(64) NOT NULL, 
	error_text VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_payment_operation_key UNIQUE (clinic_id, key), 
	CONSTRAINT ck_payment_operation_kind CHECK (kind in ('CREATE_ORDER', 'CAPTURE', 'REFUND', 'FETCH')), 
	CONSTRAINT ck_payment_operation_status CHECK (status in ('STARTED', 'DONE', 'FAILED', 'UNKNOWN')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_payment_operation_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_payment_operation_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id), 
	CONSTRAINT fk_payment_operation_refund_id FOREIGN KEY(clinic_id, refund_id) REFERENCES refund (clinic_id, id)
);

-- statement

CREATE INDEX ix_payment_operation_status ON payment_operation (clinic_id, status, created_at);

-- statement

CREATE INDEX ix_payment_operation_due ON payment_operation (next_at) WHERE status in ('STARTED', 'UNKNOWN');

-- statement

CREATE INDEX ix_payment_operation_refund_id ON payment_operation (clinic_id, refund_id);

-- statement

CREATE UNIQUE INDEX uq_payment_operation_open ON payment_operation (clinic_id, payment_id, kind) WHERE status in ('STARTED', 'UNKNOWN') and kind <> 'REFUND';

-- statement

CREATE UNIQUE INDEX uq_payment_operation_refund ON payment_operation (clinic_id, refund_id) WHERE status <> 'FAILED' and kind = 'REFUND';

-- statement

CREATE INDEX ix_payment_operation_payment ON payment_operation (clinic_id, payment_id, created_at);

-- statement

alter table "payment_operation" enable row level security;

-- statement

alter table "payment_operation" force row level security;

-- statement

create policy clinic_wall on "payment_operation" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "payment_operation" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE credit_note (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	number VARCHAR(30) NOT NULL, 
	invoice_id UUID NOT NULL, 
	refund_id UUID, 
	patient_id UUID NOT NULL, 
	reason VARCHAR(300) NOT NULL, 
	issued_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	net_minor BIGINT NOT NULL, 
	tax_minor BIGINT NOT NULL, 
	total_minor BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_credit_note_number UNIQUE (clinic_id, number), 
	CONSTRAINT ck_credit_note_total CHECK (total_minor > 0 and total_minor = net_minor + tax_minor), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_credit_note_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_credit_note_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id), 
	CONSTRAINT fk_credit_note_refund_id FOREIGN KEY(clinic_id, refund_id) REFERENCES refund (clinic_id, id), 
	CONSTRAINT fk_credit_note_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_credit_note_refund_id ON credit_note (clinic_id, refund_id);

-- statement

CREATE INDEX ix_credit_note_patient_id ON credit_note (clinic_id, patient_id);

-- statement

CREATE INDEX ix_credit_note_invoice_id ON credit_note (clinic_id, invoice_id);

-- statement

CREATE UNIQUE INDEX uq_credit_note_refund ON credit_note (clinic_id, refund_id) WHERE refund_id is not null;

-- statement

alter table "credit_note" enable row level security;

-- statement

alter table "credit_note" force row level security;

-- statement

create policy clinic_wall on "credit_note" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "credit_note" to clinic_console_system using (true) with check (true);
