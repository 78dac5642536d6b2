CREATE TABLE settlement (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	account_id UUID NOT NULL, 
	settlement_id VARCHAR(80) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	gross_minor BIGINT NOT NULL, 
	fee_minor BIGINT NOT NULL, 
	tax_minor BIGINT NOT NULL, 
	net_minor BIGINT NOT NULL, 
	settled_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	bank_reference VARCHAR(80) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_settlement UNIQUE (clinic_id, account_id, settlement_id, currency), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_settlement_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_settlement_time ON settlement (clinic_id, settled_at, id);

-- statement

alter table "settlement" enable row level security;

-- statement

alter table "settlement" force row level security;

-- statement

create policy clinic_wall on "settlement" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "settlement" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE reconciliation_run (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	account_id UUID NOT NULL, 
	first_on DATE NOT NULL, 
	last_on DATE NOT NULL, 
	nightly_on DATE, 
	status VARCHAR(10) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE, 
	finished_at TIMESTAMP WITH TIME ZONE, 
	line_count INTEGER NOT NULL, 
	found_count INTEGER NOT NULL, 
	requested_by_id UUID, 
	error VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_reconciliation_run_nightly UNIQUE (clinic_id, account_id, nightly_on), 
	CONSTRAINT ck_reconciliation_run_status CHECK (status in ('PLANNED', 'DONE', 'FAILED')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_reconciliation_run_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

CREATE INDEX ix_reconciliation_run_due ON reconciliation_run (next_at) WHERE status = 'PLANNED';

-- statement

CREATE INDEX ix_reconciliation_run_time ON reconciliation_run (clinic_id, created_at, id);

-- statement

alter table "reconciliation_run" enable row level security;

-- statement

alter table "reconciliation_run" force row level security;

-- statement

create policy clinic_wall on "reconciliation_run" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "reconciliation_run" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE reconciliation_exception (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	account_id UUID NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	subject VARCHAR(120) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	gateway_id VARCHAR(80) NOT NULL, 
	order_id VARCHAR(80), 
	settlement_id VARCHAR(80) NOT NULL, 
	payment_id UUID, 
	refund_id UUID, 
	expected_minor BIGINT, 
	expected_currency VARCHAR(3), 
	found_minor BIGINT, 
	found_currency VARCHAR(3), 
	answered_by_id UUID, 
	answered_at TIMESTAMP WITH TIME ZONE, 
	note VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_reconciliation_exception UNIQUE (clinic_id, account_id, kind, subject), 
	CONSTRAINT ck_reconciliation_exception_kind CHECK (kind in ('MISSING_OURS', 'MISSING_THEIRS', 'WRONG_AMOUNT', 'WRONG_FEE', 'WRONG_CURRENCY', 'DUPLICATE')), 
	CONSTRAINT ck_reconciliation_exception_status CHECK (status in ('OPEN', 'RESOLVED', 'IGNORED')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_reconciliation_exception_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_reconciliation_exception_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id), 
	CONSTRAINT fk_reconciliation_exception_refund_id FOREIGN KEY(clinic_id, refund_id) REFERENCES refund (clinic_id, id)
);

-- statement

CREATE INDEX ix_reconciliation_exception_refund_id ON reconciliation_exception (clinic_id, refund_id);

-- statement

CREATE INDEX ix_reconciliation_exception_status ON reconciliation_exception (clinic_id, status, created_at);

-- statement

CREATE INDEX ix_reconciliation_exception_payment_id ON reconciliation_exception (clinic_id, payment_id);

-- statement

alter table "reconciliation_exception" enable row level security;

-- statement

alter table "reconciliation_exception" force row level security;

-- statement

create policy clinic_wall on "reconciliation_exception" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "reconciliation_exception" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE dispute (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	payment_id UUID NOT NULL, 
	gateway_dispute_id VARCHAR(80) NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	reason VARCHAR(120) NOT NULL, 
	phase VARCHAR(40) NOT NULL, 
	respond_by TIMESTAMP WITH TIME ZONE, 
	closed_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_dispute UNIQUE (clinic_id, payment_id, gateway_dispute_id), 
	CONSTRAINT ck_dispute_state CHECK (state in ('OPEN', 'UNDER_REVIEW', 'WON', 'LOST', 'CLOSED')), 
	CONSTRAINT ck_dispute_amount CHECK (amount_minor >= 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_dispute_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_dispute_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id)
);

-- statement

CREATE INDEX ix_dispute_gateway_id ON dispute (clinic_id, gateway_dispute_id);

-- statement

CREATE INDEX ix_dispute_payment_id ON dispute (clinic_id, payment_id);

-- statement

CREATE INDEX ix_dispute_state ON dispute (clinic_id, state, respond_by);

-- statement

alter table "dispute" enable row level security;

-- statement

alter table "dispute" force row level security;

-- statement

create policy clinic_wall on "dispute" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "dispute" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE payment_hold (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	payment_id UUID NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	reasons VARCHAR(20)[] NOT NULL, 
	decided_by_id UUID, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	note VARCHAR(300) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_payment_hold_status CHECK (status in ('OPEN', 'RELEASED', 'DECLINED')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_payment_hold_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_payment_hold_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id)
);

-- statement

CREATE INDEX ix_payment_hold_payment ON payment_hold (clinic_id, payment_id);

-- statement

CREATE UNIQUE INDEX uq_payment_hold_open ON payment_hold (clinic_id, payment_id) WHERE status = 'OPEN';

-- statement

CREATE INDEX ix_payment_hold_status ON payment_hold (clinic_id, status, created_at);

-- statement

alter table "payment_hold" enable row level security;

-- statement

alter table "payment_hold" force row level security;

-- statement

create policy clinic_wall on "payment_hold" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "payment_hold" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE settlement_entry (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	settlement_row_id UUID NOT NULL, 
	kind VARCHAR(12) NOT NULL, 
	gateway_id VARCHAR(80) NOT NULL, 
	occurrence INTEGER NOT NULL, 
	order_id VARCHAR(80), 
	payment_id UUID, 
	currency VARCHAR(3) NOT NULL, 
	gross_minor BIGINT NOT NULL, 
	fee_minor BIGINT NOT NULL, 
	tax_minor BIGINT NOT NULL, 
	net_minor BIGINT NOT NULL, 
	presented_minor BIGINT, 
	presented_currency VARCHAR(3), 
	settled_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_settlement_entry UNIQUE (clinic_id, settlement_row_id, kind, gateway_id, occurrence), 
	CONSTRAINT ck_settlement_entry_kind CHECK (kind in ('payment', 'refund', 'dispute', 'fee', 'adjustment', 'payout')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_settlement_entry_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_settlement_entry_settlement_row_id FOREIGN KEY(clinic_id, settlement_row_id) REFERENCES settlement (clinic_id, id), 
	CONSTRAINT fk_settlement_entry_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id)
);

-- statement

CREATE INDEX ix_settlement_entry_settlement_row_id ON settlement_entry (clinic_id, settlement_row_id);

-- statement

CREATE INDEX ix_settlement_entry_gateway_id ON settlement_entry (clinic_id, gateway_id);

-- statement

CREATE INDEX ix_settlement_entry_payment_id ON settlement_entry (clinic_id, payment_id);

-- statement

alter table "settlement_entry" enable row level security;

-- statement

alter table "settlement_entry" force row level security;

-- statement

create policy clinic_wall on "settlement_entry" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "settlement_entry" to clinic_console_system using (true) with check (true);
