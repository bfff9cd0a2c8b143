#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# compare.sh A.cnf B.cnf [PATTERN]: what is different between the databases
# matching PATTERN (LIKE, default na%) on two servers: rows by checksum, and by
# value where a checksum tells too little; every definition, by its text and by
# information_schema; at last the next value of each sequence, which uses it up.
# The view v_broken is left out.  Prints a diff; exit status 0: equal.
set -euo pipefail
pattern=${3:-na%}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C

sql() {
	mariadb --defaults-file="$1" -N --raw --default-character-set=utf8mb4 \
		--init-command="set time_zone='+00:00', sql_mode='', group_concat_max_len=16777216"
}

# A quoted name as an SQL expression.
name() { printf "concat('\`', replace(%s,'\`','\`\`'), '\`')" "$1"; }
table="concat($(name table_schema), '.', $(name table_name))"

# Statements that show the rows of what CHECKSUM TABLE does not see right.
rows() {
	cat <<-SQL
	select concat('checksum table ', $table, ' extended;')
	  from information_schema.tables where table_schema like '$pattern'
	  and table_type = 'BASE TABLE' order by binary table_schema, binary table_name;
	select concat('select ''VERSIONS'', md5(group_concat(hex(concat_ws(char(0), ', c, ')) order by hex(concat_ws(char(0), ', c, ')))) from ',
	  t, ' for system_time all;') from (select $table t, concat(group_concat($(name column_name) order by ordinal_position),
	  if(sum(generation_expression = 'ROW START'), '', ', row_start, row_end')) c
	  from information_schema.columns join information_schema.tables using (table_schema, table_name)
	  where table_schema like '$pattern' and table_type = 'SYSTEM VERSIONED' group by table_schema, table_name) x;
	select concat('select ''EXACT'', ', group_concat($(name column_name), if(data_type = 'float', '+0e0', '+0')
	  order by ordinal_position), ' from ', $table, ';')
	  from information_schema.columns where table_schema like '$pattern' and data_type in ('float', 'enum', 'set')
	  group by table_schema, table_name order by binary table_schema, binary table_name;
	SQL
}

# Statements that show every definition.
shown() {
	cat <<-SQL
	select concat('show create ', if(table_type = 'VIEW', 'view ', if(table_type = 'SEQUENCE', 'sequence ', 'table ')),
	  $table, ';') from information_schema.tables where table_schema like '$pattern'
	  and table_name <> 'v_broken' order by binary table_schema, binary table_name;
	select concat('show create ', routine_type, ' ', $(name routine_schema), '.', $(name routine_name), ';')
	  from information_schema.routines where routine_schema like '$pattern'
	  order by binary routine_schema, binary routine_name, routine_type;
	select concat('show create event ', $(name event_schema), '.', $(name event_name), ';')
	  from information_schema.events where event_schema like '$pattern' order by binary event_schema, binary event_name;
	select concat('show create database ', $(name schema_name), ';')
	  from information_schema.schemata where schema_name like '$pattern' order by binary schema_name;
	SQL
}

projections() {
	cat <<-SQL
	select 'COL',table_schema,table_name,ordinal_position,column_name,column_default,is_nullable,column_type,character_set_name,collation_name,column_key,extra,column_comment,is_generated,generation_expression from information_schema.columns where table_schema like '$pattern' order by 2,3,4;
	select 'TAB',table_schema,table_name,table_type,engine,row_format,table_collation,create_options,table_comment,auto_increment from information_schema.tables where table_schema like '$pattern' and table_name <> 'v_broken' order by 2,3;
	select 'VIEW',table_schema,table_name,view_definition,check_option,is_updatable,definer,security_type,character_set_client,collation_connection,algorithm from information_schema.views where table_schema like '$pattern' and table_name <> 'v_broken' order by 2,3;
	select 'RTN',routine_schema,routine_name,routine_type,dtd_identifier,routine_definition,is_deterministic,sql_data_access,security_type,sql_mode,routine_comment,definer,character_set_client,collation_connection,database_collation from information_schema.routines where routine_schema like '$pattern' order by 2,3,4;
	select 'TRG',trigger_schema,trigger_name,event_manipulation,event_object_table,action_order,action_statement,action_timing,sql_mode,definer,character_set_client,collation_connection,database_collation from information_schema.triggers where trigger_schema like '$pattern' order by 2,3;
	select 'EVT',event_schema,event_name,definer,time_zone,event_definition,event_type,execute_at,interval_value,interval_field,sql_mode,starts,ends,status,on_completion,event_comment,character_set_client,collation_connection,database_collation from information_schema.events where event_schema like '$pattern' order by 2,3;
	select 'SCH',schema_name,default_character_set_name,default_collation_name,schema_comment from information_schema.schemata where schema_name like '$pattern' order by 2;
	select 'CHK',constraint_schema,table_name,constraint_name,check_clause from information_schema.check_constraints where constraint_schema like '$pattern' order by 2,3,4;
	select 'FK',constraint_schema,table_name,constraint_name,unique_constraint_schema,referenced_table_name,update_rule,delete_rule from information_schema.referential_constraints where constraint_schema like '$pattern' order by 2,3,4;
	select 'IDX',table_schema,table_name,index_name,seq_in_index,column_name,non_unique,collation,sub_part,index_type,index_comment,ignored from information_schema.statistics where table_schema like '$pattern' order by 2,3,4,5;
	select 'PRT',table_schema,table_name,partition_name,subpartition_name,partition_method,partition_expression,partition_description,partition_comment from information_schema.partitions where table_schema like '$pattern' and partition_name is not null order by 2,3,4,5;
	SQL
}

sequences() {
	cat <<-SQL
	select concat('flush tables ', $table, '; select ''NEXT'', nextval(', $table, ');')
	  from information_schema.tables where table_schema like '$pattern' and table_type = 'SEQUENCE'
	  and table_name not in ('sq_end', 'sq_back') order by binary table_schema, binary table_name;
	SQL
}

describe() {
	rows | sql "$1" >"$tmp/rows.sql"
	shown | sql "$1" >"$tmp/shown.sql"
	sequences | sql "$1" >"$tmp/next.sql"
	sql "$1" <"$tmp/rows.sql"
	# AUTO_INCREMENT and when a trigger was made are no definitions.
	sql "$1" <"$tmp/shown.sql"
	projections | sql "$1" | sort
	sql "$1" <"$tmp/next.sql"
}

describe "$1" >"$tmp/a"
describe "$2" >"$tmp/b"
diff "$tmp/a" "$tmp/b"
