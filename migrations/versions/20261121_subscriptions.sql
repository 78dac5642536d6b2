CREATE TABLE plan (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	description TEXT NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	price_minor BIGINT NOT NULL, 
	period VARCHAR(10) NOT NULL, 
	trial_days INTEGER NOT NULL, 
	quota INTEGER, 
	types VARCHAR(20)[] NOT NULL, 
	tax_rate_id UUID, 
	hsn VARCHAR(10) NOT NULL, 
	active BOOLEAN NOT NULL, 
	archived_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_plan_period CHECK (period in ('DAY', 'WEEK', 'MONTH', 'YEAR')), 
	CONSTRAINT ck_plan_price CHECK (price_minor >= 0), 
	CONSTRAINT ck_plan_trial_days CHECK (trial_days between 0 and 366), 
	CONSTRAINT ck_plan_quota CHECK (quota is null or quota between 1 and 10000), 
	CONSTRAINT ck_plan_types CHECK (types <@ array['IN_PERSON', 'VIDEO_CALL', 'HOME_VISIT']::varchar[] and cardinality(types) > 0), 
	CONSTRAINT ck_plan_archived CHECK (archived_at is null or not active), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_plan_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_plan_tax_rate_id FOREIGN KEY(clinic_id, tax_rate_id) REFERENCES tax_rate (clinic_id, id)
);

-- statement

CREATE INDEX ix_plan_tax_rate_id ON plan (clinic_id, tax_rate_id);

-- statement

CREATE INDEX ix_plan_clinic_active ON plan (clinic_id, active, name);

-- statement

alter table "plan" enable row level security;

-- statement

alter table "plan" force row level security;

-- statement

create policy clinic_wall on "plan" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "plan" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE subscription (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	plan_id UUID NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	price_minor BIGINT NOT NULL, 
	period VARCHAR(10) NOT NULL, 
	quota INTEGER, 
	used INTEGER NOT NULL, 
	period_number INTEGER NOT NULL, 
	period_starts_at TIMESTAMP WITH TIME ZONE, 
	period_ends_at TIMESTAMP WITH TIME ZONE, 
	anchored_at TIMESTAMP WITH TIME ZONE, 
	anchor_periods INTEGER NOT NULL, 
	trial_ends_at TIMESTAMP WITH TIME ZONE, 
	started_at TIMESTAMP WITH TIME ZONE, 
	auto_renew BOOLEAN NOT NULL, 
	cancel_at_period_end BOOLEAN NOT NULL, 
	next_plan_id UUID, 
	past_due_since TIMESTAMP WITH TIME ZONE, 
	reminders INTEGER NOT NULL, 
	next_step_at TIMESTAMP WITH TIME ZONE, 
	cancel_reason VARCHAR(300) NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_subscription_status CHECK (status in ('TRIALING', 'ACTIVE', 'PAST_DUE', 'CANCELLED', 'EXPIRED')), 
	CONSTRAINT ck_subscription_period_unit CHECK (period in ('DAY', 'WEEK', 'MONTH', 'YEAR')), 
	CONSTRAINT ck_subscription_quota CHECK (used >= 0 and (quota is null or used <= quota)), 
	CONSTRAINT ck_subscription_period CHECK (period_starts_at < period_ends_at), 
	CONSTRAINT ck_subscription_sums CHECK (price_minor >= 0 and period_number >= 0), 
	CONSTRAINT ck_subscription_has_period CHECK (status not in ('TRIALING', 'ACTIVE') or period_ends_at is not null), 
	CONSTRAINT ck_subscription_past_due CHECK ((status = 'PAST_DUE') = (past_due_since is not null)), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_subscription_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_subscription_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id), 
	CONSTRAINT fk_subscription_plan_id FOREIGN KEY(clinic_id, plan_id) REFERENCES plan (clinic_id, id), 
	CONSTRAINT fk_subscription_next_plan_id FOREIGN KEY(clinic_id, next_plan_id) REFERENCES plan (clinic_id, id)
);

-- statement

CREATE INDEX ix_subscription_clinic_time ON subscription (clinic_id, created_at, id);

-- statement

CREATE INDEX ix_subscription_next_step ON subscription (next_step_at) WHERE next_step_at is not null;

-- statement

CREATE INDEX ix_subscription_plan_id ON subscription (clinic_id, plan_id);

-- statement

CREATE INDEX ix_subscription_next_plan_id ON subscription (clinic_id, next_plan_id);

-- statement

CREATE INDEX ix_subscription_status_period ON subscription (clinic_id, status, period_ends_at);

-- statement

CREATE INDEX ix_subscription_patient_status ON subscription (clinic_id, patient_id, status);

-- statement

alter table "subscription" enable row level security;

-- statement

alter table "subscription" force row level security;

-- statement

create policy clinic_wall on "subscription" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "subscription" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE subscription_period (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	subscription_id UUID NOT NULL, 
	number INTEGER NOT NULL, 
	plan_id UUID NOT NULL, 
	invoice_id UUID, 
	currency VARCHAR(3) NOT NULL, 
	price_minor BIGINT NOT NULL, 
	quota INTEGER, 
	used INTEGER NOT NULL, 
	starts_at TIMESTAMP WITH TIME ZONE, 
	ends_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_subscription_period_number UNIQUE (clinic_id, subscription_id, number), 
	CONSTRAINT ck_period_times CHECK (starts_at < ends_at and (starts_at is null) = (ends_at is null)), 
	CONSTRAINT ck_period_sums CHECK (price_minor >= 0 and number >= 0 and used >= 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_subscription_period_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_subscription_period_subscription_id FOREIGN KEY(clinic_id, subscription_id) REFERENCES subscription (clinic_id, id), 
	CONSTRAINT fk_subscription_period_plan_id FOREIGN KEY(clinic_id, plan_id) REFERENCES plan (clinic_id, id), 
	CONSTRAINT fk_subscription_period_invoice_id FOREIGN KEY(clinic_id, invoice_id) REFERENCES invoice (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_subscription_period_invoice ON subscription_period (clinic_id, invoice_id) WHERE invoice_id is not null;

-- statement

CREATE INDEX ix_subscription_period_plan_id ON subscription_period (clinic_id, plan_id);

-- statement

CREATE INDEX ix_subscription_period_subscription_id ON subscription_period (clinic_id, subscription_id);

-- statement

CREATE INDEX ix_subscription_period_invoice_id ON subscription_period (clinic_id, invoice_id);

-- statement

alter table "subscription_period" enable row level security;

-- statement

alter table "subscription_period" force row level security;

-- statement

create policy clinic_wall on "subscription_period" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "subscription_period" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE coverage (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	subscription_id UUID NOT NULL, 
	appointment_id UUID NOT NULL, 
	period_number INTEGER NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	counted BOOLEAN NOT NULL, 
	settled_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_coverage_status CHECK (status in ('COVERED', 'RETURNED', 'FORFEITED')), 
	CONSTRAINT ck_coverage_settled CHECK ((status = 'COVERED') = (settled_at is null)), 
	CONSTRAINT ck_coverage_counted CHECK (not counted or status <> 'RETURNED'), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_coverage_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_coverage_subscription_id FOREIGN KEY(clinic_id, subscription_id) REFERENCES subscription (clinic_id, id), 
	CONSTRAINT fk_coverage_appointment_id FOREIGN KEY(clinic_id, appointment_id) REFERENCES appointment (clinic_id, id)
);

-- statement

CREATE INDEX ix_coverage_appointment_id ON coverage (clinic_id, appointment_id);

-- statement

CREATE UNIQUE INDEX uq_coverage_appointment ON coverage (clinic_id, appointment_id) WHERE status <> 'RETURNED';

-- statement

CREATE INDEX ix_coverage_subscription ON coverage (clinic_id, subscription_id, created_at, id);

-- statement

alter table "coverage" enable row level security;

-- statement

alter table "coverage" force row level security;

-- statement

create policy clinic_wall on "coverage" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "coverage" to clinic_console_system using (true) with check (true);
