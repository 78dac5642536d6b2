CREATE TABLE follow_up (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	appointment_id UUID NOT NULL, 
	after_id UUID NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_follow_up_other CHECK (appointment_id <> after_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_follow_up_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_follow_up_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id), 
	CONSTRAINT fk_follow_up_after_id FOREIGN KEY(clinic_id, after_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE INDEX ix_follow_up_after_id ON follow_up (clinic_id, after_id);

-- statement

CREATE UNIQUE INDEX ix_follow_up_appointment ON follow_up (clinic_id, appointment_id);

-- statement

alter table "follow_up" enable row level security;

-- statement

alter table "follow_up" force row level security;

-- statement

create policy clinic_wall on "follow_up" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "follow_up" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE appointment_reminder (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	appointment_id UUID NOT NULL, 
	hours INTEGER NOT NULL, 
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_appointment_reminder_hours CHECK (hours between 1 and 168), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_appointment_reminder_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_appointment_reminder_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX ix_appointment_reminder ON appointment_reminder (clinic_id, appointment_id, hours, starts_at);

-- statement

alter table "appointment_reminder" enable row level security;

-- statement

alter table "appointment_reminder" force row level security;

-- statement

create policy clinic_wall on "appointment_reminder" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "appointment_reminder" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE visit_fee (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	appointment_id UUID NOT NULL, 
	invoice_id UUID NOT NULL, 
	paid_invoice_id UUID, 
	kind VARCHAR(12) NOT NULL, 
	percent INTEGER NOT NULL, 
	settled_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_visit_fee_kind CHECK (kind in ('MISSED', 'LATE_CANCEL')), 
	CONSTRAINT ck_visit_fee_percent CHECK (percent between 1 and 100), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_visit_fee_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_visit_fee_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id), 
	CONSTRAINT fk_visit_fee_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id), 
	CONSTRAINT fk_visit_fee_paid_invoice_id FOREIGN KEY(clinic_id, paid_invoice_id) REFERENCES invoice (clinic_id, id)
);

-- statement

CREATE INDEX ix_visit_fee_paid_invoice_id ON visit_fee (clinic_id, paid_invoice_id);

-- statement

CREATE UNIQUE INDEX ix_visit_fee_appointment ON visit_fee (clinic_id, appointment_id);

-- statement

CREATE INDEX ix_visit_fee_invoice_id ON visit_fee (clinic_id, invoice_id);

-- statement

CREATE INDEX ix_visit_fee_time ON visit_fee (clinic_id, created_at, id);

-- statement

alter table "visit_fee" enable row level security;

-- statement

alter table "visit_fee" force row level security;

-- statement

create policy clinic_wall on "visit_fee" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "visit_fee" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE waiting_list_entry (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	doctor_id UUID, 
	location_id UUID, 
	type VARCHAR(20) NOT NULL, 
	status VARCHAR(12) NOT NULL, 
	first_on DATE NOT NULL, 
	last_on DATE NOT NULL, 
	from_time TIME WITHOUT TIME ZONE, 
	until_time TIME WITHOUT TIME ZONE, 
	urgent BOOLEAN NOT NULL, 
	note VARCHAR(500) NOT NULL, 
	missed INTEGER NOT NULL, 
	appointment_id UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_waiting_list_entry_type CHECK (type in ('IN_PERSON', 'VIDEO_CALL', 'HOME_VISIT')), 
	CONSTRAINT ck_waiting_list_entry_status CHECK (status in ('WAITING', 'OFFER_OPEN', 'BOOKED', 'WITHDRAWN', 'EXPIRED')), 
	CONSTRAINT ck_waiting_list_entry_days CHECK (first_on <= last_on), 
	CONSTRAINT ck_waiting_list_entry_times CHECK (from_time < until_time), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_waiting_list_entry_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_waiting_list_entry_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_waiting_list_entry_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_waiting_list_entry_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id), 
	CONSTRAINT fk_waiting_list_entry_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE INDEX ix_waiting_list_entry_doctor_id ON waiting_list_entry (clinic_id, doctor_id);

-- statement

CREATE INDEX ix_waiting_list_entry_waiting ON waiting_list_entry (clinic_id, last_on) WHERE status in ('WAITING', 'OFFER_OPEN');

-- statement

CREATE INDEX ix_waiting_list_entry_appointment_id ON waiting_list_entry (clinic_id, appointment_id);

-- statement

CREATE INDEX ix_waiting_list_entry_patient ON waiting_list_entry (clinic_id, patient_id, created_at);

-- statement

CREATE INDEX ix_waiting_list_entry_location_id ON waiting_list_entry (clinic_id, location_id);

-- statement

do $$ begin if to_regprocedure('resolve_merged_patient()') is not null then create trigger waiting_list_entry_patient before insert on waiting_list_entry for each row when (new.patient_id is not null) execute function resolve_merged_patient(); end if; end $$;

-- statement

alter table "waiting_list_entry" enable row level security;

-- statement

alter table "waiting_list_entry" force row level security;

-- statement

create policy clinic_wall on "waiting_list_entry" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "waiting_list_entry" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE leave_visit (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_leave_id UUID NOT NULL, 
	job_run_id UUID, 
	position INTEGER NOT NULL, 
	appointment_id UUID NOT NULL, 
	action VARCHAR(10) NOT NULL, 
	to_doctor_id UUID, 
	to_starts_at TIMESTAMP WITH TIME ZONE, 
	refund BOOLEAN NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	problem VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_leave_visit_action CHECK (action in ('KEEP', 'MOVE', 'CANCEL')), 
	CONSTRAINT ck_leave_visit_status CHECK (status in ('PENDING', 'DONE', 'FAILED')), 
	CONSTRAINT ck_leave_visit_target CHECK (action <> 'MOVE' or (to_doctor_id is not null and to_starts_at is not null)), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_leave_visit_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_leave_visit_doctor_leave_id FOREIGN KEY(clinic_id, doctor_leave_id) REFERENCES doctor_leave (clinic_id, id), 
	CONSTRAINT fk_leave_visit_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id), 
	CONSTRAINT fk_leave_visit_to_doctor_id FOREIGN KEY(clinic_id, to_doctor_id) REFERENCES doctor (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX ix_leave_visit_leave ON leave_visit (clinic_id, doctor_leave_id, position);

-- statement

CREATE INDEX ix_leave_visit_appointment_id ON leave_visit (clinic_id, appointment_id);

-- statement

CREATE INDEX ix_leave_visit_to_doctor_id ON leave_visit (clinic_id, to_doctor_id);

-- statement

alter table "leave_visit" enable row level security;

-- statement

alter table "leave_visit" force row level security;

-- statement

create policy clinic_wall on "leave_visit" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "leave_visit" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE appointment_series (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	location_id UUID, 
	type VARCHAR(20) NOT NULL, 
	every VARCHAR(10) NOT NULL, 
	steps INTEGER NOT NULL, 
	visits_wanted INTEGER NOT NULL, 
	first_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_appointment_series_type CHECK (type in ('IN_PERSON', 'VIDEO_CALL', 'HOME_VISIT')), 
	CONSTRAINT ck_appointment_series_every CHECK (every in ('DAY', 'WEEK', 'MONTH')), 
	CONSTRAINT ck_appointment_series_steps CHECK (steps between 1 and 26), 
	CONSTRAINT ck_appointment_series_visits CHECK (visits_wanted between 2 and 52), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_appointment_series_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_appointment_series_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_appointment_series_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_appointment_series_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id)
);

-- statement

CREATE INDEX ix_appointment_series_time ON appointment_series (clinic_id, created_at, id);

-- statement

CREATE INDEX ix_appointment_series_doctor_id ON appointment_series (clinic_id, doctor_id);

-- statement

CREATE INDEX ix_appointment_series_location_id ON appointment_series (clinic_id, location_id);

-- statement

CREATE INDEX ix_appointment_series_patient_id ON appointment_series (clinic_id, patient_id);

-- statement

do $$ begin if to_regprocedure('resolve_merged_patient()') is not null then create trigger appointment_series_patient before insert on appointment_series for each row when (new.patient_id is not null) execute function resolve_merged_patient(); end if; end $$;

-- statement

alter table "appointment_series" enable row level security;

-- statement

alter table "appointment_series" force row level security;

-- statement

create policy clinic_wall on "appointment_series" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "appointment_series" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE calendar_feed (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	label VARCHAR(80) NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	made_by_id UUID, 
	last_read_at TIMESTAMP WITH TIME ZONE, 
	revoked_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_calendar_feed_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_calendar_feed_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX ix_calendar_feed_token ON calendar_feed (token_hash);

-- statement

CREATE INDEX ix_calendar_feed_doctor_id ON calendar_feed (clinic_id, doctor_id);

-- statement

alter table "calendar_feed" enable row level security;

-- statement

alter table "calendar_feed" force row level security;

-- statement

create policy clinic_wall on "calendar_feed" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "calendar_feed" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE slot_offer (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	waiting_list_entry_id UUID NOT NULL, 
	doctor_id UUID NOT NULL, 
	location_id UUID NOT NULL, 
	hold_id UUID NOT NULL, 
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_slot_offer_status CHECK (status in ('OPEN', 'ACCEPTED', 'PASSED', 'EXPIRED')), 
	CONSTRAINT ck_slot_offer_times CHECK (starts_at < ends_at), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_slot_offer_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_slot_offer_waiting_list_entry_id FOREIGN KEY(clinic_id, waiting_list_entry_id) REFERENCES waiting_list_entry (clinic_id, id), 
	CONSTRAINT fk_slot_offer_doctor_id FOREIGN KEY(clinic_id, doctor_id) REFERENCES doctor (clinic_id, id), 
	CONSTRAINT fk_slot_offer_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id)
);

-- statement

CREATE INDEX ix_slot_offer_due ON slot_offer (expires_at) WHERE status = 'OPEN';

-- statement

CREATE INDEX ix_slot_offer_location_id ON slot_offer (clinic_id, location_id);

-- statement

CREATE UNIQUE INDEX ix_slot_offer_open_entry ON slot_offer (clinic_id, waiting_list_entry_id) WHERE status = 'OPEN';

-- statement

CREATE INDEX ix_slot_offer_doctor_id ON slot_offer (clinic_id, doctor_id);

-- statement

CREATE UNIQUE INDEX ix_slot_offer_token ON slot_offer (token_hash);

-- statement

CREATE UNIQUE INDEX ix_slot_offer_open_slot ON slot_offer (clinic_id, doctor_id, starts_at) WHERE status = 'OPEN';

-- statement

CREATE INDEX ix_slot_offer_waiting_list_entry_id ON slot_offer (clinic_id, waiting_list_entry_id);

-- statement

alter table "slot_offer" enable row level security;

-- statement

alter table "slot_offer" force row level security;

-- statement

create policy clinic_wall on "slot_offer" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "slot_offer" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE series_visit (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	appointment_series_id UUID NOT NULL, 
	appointment_id UUID NOT NULL, 
	position INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_series_visit_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_series_visit_appointment_series_id FOREIGN KEY(clinic_id, appointment_series_id) REFERENCES appointment_series (clinic_id, id), 
	CONSTRAINT fk_series_visit_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX ix_series_visit_appointment ON series_visit (clinic_id, appointment_id);

-- statement

CREATE UNIQUE INDEX ix_series_visit_series ON series_visit (clinic_id, appointment_series_id, position);

-- statement

alter table "series_visit" enable row level security;

-- statement

alter table "series_visit" force row level security;

-- statement

create policy clinic_wall on "series_visit" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "series_visit" to clinic_console_system using (true) with check (true);
