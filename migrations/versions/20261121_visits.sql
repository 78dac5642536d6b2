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

CREATE INDEX ix_visit_fee_time ON visit_fee (clinic_id, created_at, id);

-- statement

CREATE INDEX ix_visit_fee_invoice_id ON visit_fee (clinic_id, invoice_id);

-- statement

CREATE INDEX ix_visit_fee_paid_invoice_id ON visit_fee (clinic_id, paid_invoice_id);

-- statement

CREATE UNIQUE INDEX ix_visit_fee_appointment ON visit_fee (clinic_id, appointment_id);

-- statement

alter table "visit_fee" enable row level security;

-- statement

alter table "visit_fee" force row level security;

-- statement

create policy clinic_wall on "visit_fee" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "visit_fee" to clinic_console_system using (true) with check (true);
