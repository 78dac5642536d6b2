CREATE TABLE gateway_customer (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	account_id UUID NOT NULL, 
	customer_id VARCHAR(80) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_gateway_customer UNIQUE (clinic_id, patient_id, account_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_gateway_customer_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_gateway_customer_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE INDEX ix_gateway_customer_patient_id ON gateway_customer (clinic_id, patient_id);

-- statement

alter table "gateway_customer" enable row level security;

-- statement

alter table "gateway_customer" force row level security;

-- statement

create policy clinic_wall on "gateway_customer" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "gateway_customer" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE payment_method (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	patient_id UUID NOT NULL, 
	provider VARCHAR(30) NOT NULL, 
	account_id UUID NOT NULL, 
	method_id VARCHAR(80) NOT NULL, 
	kind VARCHAR(30) NOT NULL, 
	brand VARCHAR(60) NOT NULL, 
	last4 VARCHAR(4) NOT NULL, 
	expires_year INTEGER, 
	expires_month INTEGER, 
	label VARCHAR(60) NOT NULL, 
	is_default BOOLEAN NOT NULL, 
	removed_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_payment_method UNIQUE (clinic_id, account_id, method_id), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_payment_method_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_payment_method_patient_id FOREIGN KEY(clinic_id, patient_id) REFERENCES patient (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_payment_method_default ON payment_method (clinic_id, patient_id) WHERE is_default and removed_at is null;

-- statement

CREATE INDEX ix_payment_method_patient ON payment_method (clinic_id, patient_id, created_at);

-- statement

alter table "payment_method" enable row level security;

-- statement

alter table "payment_method" force row level security;

-- statement

create policy clinic_wall on "payment_method" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "payment_method" to clinic_console_system using (true) with check (true);
