CREATE TABLE invoice_approval (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	invoice_id UUID NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	basis_minor BIGINT NOT NULL, 
	reason VARCHAR(300) NOT NULL, 
	requested_by_id UUID, 
	decided_by_id UUID, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	decision_note VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_invoice_approval_kind CHECK (kind in ('DISCOUNT', 'WRITE_OFF')), 
	CONSTRAINT ck_invoice_approval_status CHECK (status in ('REQUESTED', 'APPROVED', 'REJECTED', 'WITHDRAWN')), 
	CONSTRAINT ck_invoice_approval_amount CHECK (0 < amount_minor and amount_minor <= basis_minor), 
	CONSTRAINT ck_invoice_approval_second_person CHECK (decided_by_id is null or requested_by_id is null or decided_by_id <> requested_by_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_invoice_approval_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_invoice_approval_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id)
);

-- statement

CREATE INDEX ix_invoice_approval_invoice_id ON invoice_approval (clinic_id, invoice_id);

-- statement

CREATE UNIQUE INDEX uq_invoice_approval_open ON invoice_approval (clinic_id, invoice_id, kind) WHERE status = 'REQUESTED';

-- statement

CREATE INDEX ix_invoice_approval_status ON invoice_approval (clinic_id, status, created_at);

-- statement

alter table "invoice_approval" enable row level security;

-- statement

alter table "invoice_approval" force row level security;

-- statement

create policy clinic_wall on "invoice_approval" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "invoice_approval" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE payment_plan (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	invoice_id UUID NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	interval VARCHAR(10) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	total_minor BIGINT NOT NULL, 
	baseline_minor BIGINT NOT NULL, 
	notes TEXT NOT NULL, 
	made_by_id UUID, 
	defaulted_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	cancel_reason VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_payment_plan_status CHECK (status in ('ACTIVE', 'COMPLETED', 'DEFAULTED', 'CANCELLED')), 
	CONSTRAINT ck_payment_plan_interval CHECK (interval in ('WEEK', 'FORTNIGHT', 'MONTH')), 
	CONSTRAINT ck_payment_plan_sums CHECK (total_minor > 0 and baseline_minor >= 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_payment_plan_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_payment_plan_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_payment_plan_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id)
);

-- statement

CREATE INDEX ix_payment_plan_patient_id ON payment_plan (clinic_id, patient_id);

-- statement

CREATE INDEX ix_payment_plan_invoice_id ON payment_plan (clinic_id, invoice_id);

-- statement

CREATE UNIQUE INDEX uq_payment_plan_running ON payment_plan (clinic_id, invoice_id) WHERE status in ('ACTIVE', 'DEFAULTED');

-- statement

CREATE INDEX ix_payment_plan_status ON payment_plan (clinic_id, status, created_at);

-- statement

alter table "payment_plan" enable row level security;

-- statement

alter table "payment_plan" force row level security;

-- statement

create policy clinic_wall on "payment_plan" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "payment_plan" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE credit_note_line (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	credit_note_id UUID NOT NULL, 
	invoice_line_id UUID NOT NULL, 
	position INTEGER NOT NULL, 
	quantity NUMERIC(12, 3) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	net_minor BIGINT NOT NULL, 
	tax_minor BIGINT NOT NULL, 
	tax_components JSONB NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_credit_note_line_position UNIQUE (clinic_id, credit_note_id, position), 
	CONSTRAINT ck_credit_note_line_sums CHECK (quantity >= 0 and net_minor >= 0 and tax_minor >= 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_credit_note_line_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_credit_note_line_credit_note_id FOREIGN KEY(clinic_id, credit_note_id) REFERENCES credit_note (clinic_id, id), 
	CONSTRAINT fk_credit_note_line_invoice_line_id FOREIGN KEY(clinic_id, invoice_line_id) REFERENCES invoice_line (clinic_id, id)
);

-- statement

CREATE INDEX ix_credit_note_line_invoice_line_id ON credit_note_line (clinic_id, invoice_line_id);

-- statement

CREATE INDEX ix_credit_note_line_credit_note_id ON credit_note_line (clinic_id, credit_note_id);

-- statement

alter table "credit_note_line" enable row level security;

-- statement

alter table "credit_note_line" force row level security;

-- statement

create policy clinic_wall on "credit_note_line" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "credit_note_line" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE planned_allocation (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	payment_id UUID NOT NULL, 
	invoice_id UUID NOT NULL, 
	position INTEGER NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_planned_allocation UNIQUE (clinic_id, payment_id, invoice_id), 
	CONSTRAINT ck_planned_allocation_amount CHECK (amount_minor > 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_planned_allocation_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_planned_allocation_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id), 
	CONSTRAINT fk_planned_allocation_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id)
);

-- statement

CREATE INDEX ix_planned_allocation_payment_id ON planned_allocation (clinic_id, payment_id);

-- statement

CREATE INDEX ix_planned_allocation_invoice_id ON planned_allocation (clinic_id, invoice_id);

-- statement

alter table "planned_allocation" enable row level security;

-- statement

alter table "planned_allocation" force row level security;

-- statement

create policy clinic_wall on "planned_allocation" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "planned_allocation" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE bulk_invoice_run (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	first_on DATE, 
	last_on DATE, 
	total_count INTEGER NOT NULL, 
	done_count INTEGER NOT NULL, 
	failed_count INTEGER NOT NULL, 
	requested_by_id UUID, 
	started_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	beat_at TIMESTAMP WITH TIME ZONE, 
	cancel_wanted BOOLEAN NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_bulk_invoice_run_kind CHECK (kind in ('VISITS', 'DRAFTS')), 
	CONSTRAINT ck_bulk_invoice_run_status CHECK (status in ('QUEUED', 'RUNNING', 'DONE', 'CANCELLED')), 
	CONSTRAINT ck_bulk_invoice_run_counts CHECK (0 <= done_count and 0 <= failed_count and done_count + failed_count <= total_count), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_bulk_invoice_run_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_bulk_invoice_run_status ON bulk_invoice_run (clinic_id, status, created_at);

-- statement

alter table "bulk_invoice_run" enable row level security;

-- statement

alter table "bulk_invoice_run" force row level security;

-- statement

create policy clinic_wall on "bulk_invoice_run" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "bulk_invoice_run" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE instalment (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	plan_id UUID NOT NULL, 
	position INTEGER NOT NULL, 
	due_on DATE NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	paid_minor BIGINT NOT NULL, 
	paid_at TIMESTAMP WITH TIME ZONE, 
	told_days INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_instalment_position UNIQUE (clinic_id, plan_id, position), 
	CONSTRAINT ck_instalment_sums CHECK (amount_minor > 0 and 0 <= paid_minor and paid_minor <= amount_minor), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_instalment_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_instalment_plan_id FOREIGN KEY(clinic_id, plan_id) REFERENCES payment_plan (clinic_id, id)
);

-- statement

CREATE INDEX ix_instalment_plan_id ON instalment (clinic_id, plan_id);

-- statement

CREATE INDEX ix_instalment_due ON instalment (clinic_id, due_on) WHERE paid_minor < amount_minor;

-- statement

alter table "instalment" enable row level security;

-- statement

alter table "instalment" force row level security;

-- statement

create policy clinic_wall on "instalment" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "instalment" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE bulk_invoice_item (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	run_id UUID NOT NULL, 
	position INTEGER NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	appointment_id UUID, 
	invoice_id UUID, 
	error VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_bulk_invoice_item_status CHECK (status in ('PENDING', 'DONE', 'FAILED')), 
	CONSTRAINT uq_bulk_invoice_item_position UNIQUE (clinic_id, run_id, position), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_bulk_invoice_item_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_bulk_invoice_item_run_id FOREIGN KEY(clinic_id, run_id) REFERENCES bulk_invoice_run (clinic_id, id), 
	CONSTRAINT fk_bulk_invoice_item_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id), 
	CONSTRAINT fk_bulk_invoice_item_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id)
);

-- statement

CREATE INDEX ix_bulk_invoice_item_appointment_id ON bulk_invoice_item (clinic_id, appointment_id);

-- statement

CREATE INDEX ix_bulk_invoice_item_run ON bulk_invoice_item (clinic_id, run_id, status, position);

-- statement

CREATE INDEX ix_bulk_invoice_item_invoice_id ON bulk_invoice_item (clinic_id, invoice_id);

-- statement

alter table "bulk_invoice_item" enable row level security;

-- statement

alter table "bulk_invoice_item" force row level security;

-- statement

create policy clinic_wall on "bulk_invoice_item" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "bulk_invoice_item" to clinic_console_system using (true) with check (true);
