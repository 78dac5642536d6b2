CREATE TABLE ledger_period (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	first_on DATE NOT NULL, 
	last_on DATE NOT NULL, 
	closed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	closed_by_id UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_ledger_period_last_on UNIQUE (clinic_id, last_on), 
	CONSTRAINT ck_ledger_period_days CHECK (first_on <= last_on), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_ledger_period_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "ledger_period" enable row level security;

-- statement

alter table "ledger_period" force row level security;

-- statement

create policy clinic_wall on "ledger_period" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "ledger_period" to clinic_console_system using (true) with check (true);

-- statement

create or replace function keep_ledger_period() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    raise exception 'closed books are not opened again' using errcode = '23514';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('ledger-period:' || new.clinic_id::text, 0));
  if exists (select from ledger_period where clinic_id = new.clinic_id and last_on >= new.first_on) then
    raise exception 'the books of % are closed already', new.first_on using errcode = '23514';
  end if;
  return new;
end $$;

-- statement

create trigger ledger_period_kept before insert or update or delete on ledger_period
for each row execute function keep_ledger_period();

-- statement

revoke update, delete, truncate on ledger_period from clinic_console_app, clinic_console_system;

-- statement

CREATE TABLE cash_drawer (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	holder_id UUID NOT NULL, 
	location_id UUID, 
	currency VARCHAR(3) NOT NULL, 
	opened_on DATE NOT NULL, 
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	float_minor BIGINT NOT NULL, 
	opening_count JSONB NOT NULL, 
	received_from_id UUID, 
	counted_at TIMESTAMP WITH TIME ZONE, 
	expected_minor BIGINT, 
	counted_minor BIGINT, 
	closing_count JSONB, 
	difference_reason VARCHAR(300) NOT NULL, 
	decided_by_id UUID, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	decision_note VARCHAR(300) NOT NULL, 
	closed_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_cash_drawer_status CHECK (status in ('OPEN', 'OFFERED', 'COUNTED', 'CLOSED')), 
	CONSTRAINT ck_cash_drawer_counts CHECK (float_minor >= 0 and counted_minor >= 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_cash_drawer_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_cash_drawer_location_id FOREIGN KEY(clinic_id, location_id) REFERENCES location (clinic_id, id), 
	CONSTRAINT fk_cash_drawer_received_from_id FOREIGN KEY(clinic_id, received_from_id) REFERENCES cash_drawer (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_cash_drawer_in_use ON cash_drawer (clinic_id, holder_id, currency) WHERE status in ('OPEN', 'OFFERED');

-- statement

CREATE INDEX ix_cash_drawer_time ON cash_drawer (clinic_id, opened_at, id);

-- statement

CREATE INDEX ix_cash_drawer_received_from_id ON cash_drawer (clinic_id, received_from_id);

-- statement

CREATE INDEX ix_cash_drawer_location_id ON cash_drawer (clinic_id, location_id);

-- statement

CREATE INDEX ix_cash_drawer_open ON cash_drawer (clinic_id, opened_on) WHERE status <> 'CLOSED';

-- statement

alter table "cash_drawer" enable row level security;

-- statement

alter table "cash_drawer" force row level security;

-- statement

create policy clinic_wall on "cash_drawer" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "cash_drawer" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE day_close (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	number VARCHAR(30) NOT NULL, 
	business_on DATE NOT NULL, 
	closed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	closed_by_id UUID, 
	currency VARCHAR(3) NOT NULL, 
	total_minor BIGINT NOT NULL, 
	figures JSONB NOT NULL, 
	drawers JSONB NOT NULL, 
	first_entry BIGINT, 
	last_entry BIGINT, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_day_close_number UNIQUE (clinic_id, number), 
	CONSTRAINT uq_day_close_day UNIQUE (clinic_id, business_on), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_day_close_clinic_id_id UNIQUE (clinic_id, id)
);

-- statement

alter table "day_close" enable row level security;

-- statement

alter table "day_close" force row level security;

-- statement

create policy clinic_wall on "day_close" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "day_close" to clinic_console_system using (true) with check (true);

-- statement

create or replace function keep_day_close() returns trigger language plpgsql as $$
begin
  raise exception 'a closed day cannot be changed' using errcode = '23514';
end $$;

-- statement

create trigger day_close_kept before update or delete on day_close
for each row execute function keep_day_close();

-- statement

revoke update, delete, truncate on day_close from clinic_console_app, clinic_console_system;

-- statement

CREATE TABLE drawer_handover (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	drawer_id UUID NOT NULL, 
	giver_id UUID NOT NULL, 
	receiver_id UUID NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	offered_on DATE NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	counted_minor BIGINT NOT NULL, 
	count JSONB NOT NULL, 
	received_count JSONB, 
	note VARCHAR(300) NOT NULL, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_drawer_handover_status CHECK (status in ('OFFERED', 'ACCEPTED', 'DECLINED')), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_drawer_handover_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_drawer_handover_drawer_id FOREIGN KEY(clinic_id, drawer_id) REFERENCES cash_drawer (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_drawer_handover_offered ON drawer_handover (clinic_id, drawer_id) WHERE status = 'OFFERED';

-- statement

CREATE INDEX ix_drawer_handover_drawer_id ON drawer_handover (clinic_id, drawer_id);

-- statement

CREATE INDEX ix_drawer_handover_receiver ON drawer_handover (clinic_id, receiver_id, status);

-- statement

alter table "drawer_handover" enable row level security;

-- statement

alter table "drawer_handover" force row level security;

-- statement

create policy clinic_wall on "drawer_handover" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "drawer_handover" to clinic_console_system using (true) with check (true);

-- statement

CREATE TABLE money_movement (
	id UUID NOT NULL, 
	clinic_id UUID NOT NULL, 
	business_on DATE NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	channel VARCHAR(30) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	drawer_id UUID, 
	payment_id UUID, 
	refund_id UUID, 
	person_id UUID, 
	counter VARCHAR(20) NOT NULL, 
	reason VARCHAR(300) NOT NULL, 
	source_key VARCHAR(40) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_money_movement_kind CHECK (kind in ('TENDER', 'REFUND', 'RETURNED', 'FLOAT', 'PAID_IN', 'PAID_OUT', 'DIFFERENCE', 'EMPTIED')), 
	CONSTRAINT ck_money_movement_amount CHECK (amount_minor <> 0), 
	FOREIGN KEY(clinic_id) REFERENCES clinic (id), 
	CONSTRAINT uq_money_movement_clinic_id_id UNIQUE (clinic_id, id), 
	CONSTRAINT fk_money_movement_drawer_id FOREIGN KEY(clinic_id, drawer_id) REFERENCES cash_drawer (clinic_id, id), 
	CONSTRAINT fk_money_movement_payment_id FOREIGN KEY(clinic_id, payment_id) REFERENCES payment (clinic_id, id), 
	CONSTRAINT fk_money_movement_refund_id FOREIGN KEY(clinic_id, refund_id) REFERENCES refund (clinic_id, id)
);

-- statement

CREATE UNIQUE INDEX uq_money_movement_refund ON money_movement (clinic_id, refund_id, kind) WHERE refund_id is not null;

-- statement

CREATE INDEX ix_money_movement_payment ON money_movement (clinic_id, payment_id);

-- statement

CREATE UNIQUE INDEX uq_money_movement_tender ON money_movement (clinic_id, payment_id, source_key) WHERE kind = 'TENDER';

-- statement

CREATE INDEX ix_money_movement_day ON money_movement (clinic_id, business_on, channel);

-- statement

CREATE INDEX ix_money_movement_drawer ON money_movement (clinic_id, drawer_id, created_at);

-- statement

CREATE INDEX ix_money_movement_refund_id ON money_movement (clinic_id, refund_id);

-- statement

alter table "money_movement" enable row level security;

-- statement

alter table "money_movement" force row level security;

-- statement

create policy clinic_wall on "money_movement" to clinic_console_app using (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid) with check (clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid);

-- statement

create policy system_access on "money_movement" to clinic_console_system using (true) with check (true);

-- statement

create or replace function keep_money_movement() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    raise exception 'money that moved stays moved' using errcode = '23514';
  end if;
  perform pg_advisory_xact_lock_shared(hashtextextended('ledger-period:' || new.clinic_id::text, 0));
  if exists (select from ledger_period where clinic_id = new.clinic_id and last_on >= new.business_on) then
    raise exception 'the day % is closed', new.business_on using errcode = '23514';
  end if;
  return new;
end $$;

-- statement

create trigger money_movement_kept before insert or update or delete on money_movement
for each row execute function keep_money_movement();

-- statement

revoke update, delete, truncate on money_movement from clinic_console_app, clinic_console_system;
