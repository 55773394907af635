#![allow(clippy::panic, clippy::unwrap_used)]
use super::*;

fn texts(sql: &str) -> Vec<&str> {
    split(sql.as_bytes()).map(|statement| std::str::from_utf8(statement.unwrap().sql().text).unwrap()).collect()
}

fn error(sql: &str) -> SplitError {
    split(sql.as_bytes()).find_map(Result::err).unwrap()
}

#[test]
fn statements_end_at_semicolons_outside_of_everything() {
    let sql = "SET a = ';';\nCREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2;);\n\n/* ; */ SELECT $$;$$ -- ;\n, \";\";;";
    assert_eq!(
        texts(sql),
        [
            "SET a = ';';",
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2;);",
            "SELECT $$;$$ -- ;\n, \";\";",
            ";"
        ]
    );
}

#[test]
fn function_bodies_of_standard_sql_keep_their_semicolons() {
    let body = "BEGIN ATOMIC\n SELECT CASE WHEN a THEN 1 ELSE CASE a WHEN b THEN 2 END END;\n SELECT 3;\nEND;";
    for create in ["CREATE FUNCTION", "create or Replace function", "CREATE PROCEDURE", "CREATE OR REPLACE PROCEDURE"] {
        let function = format!("{create} public.f(a int DEFAULT 1) RETURNS int\n LANGUAGE sql\n {body}");
        let sql = format!("{function}\nSELECT 1;");
        assert_eq!(texts(&sql), [function.as_str(), "SELECT 1;"]);
    }
    assert_eq!(texts("BEGIN; SELECT 1; END;").len(), 3);
    assert_eq!(texts("CREATE TABLE f (a int); BEGIN; END;").len(), 3);
    assert_eq!(texts("CREATE FUNCTION f(begin int) AS 'x'; SELECT 1;").len(), 2);
}

#[test]
fn copy_takes_the_lines_up_to_the_end_marker() {
    let sql = b"COPY public.t (a, b) FROM stdin;\n1\t;\n\\.x\n'\t\xff\n\\.\n\n\nSELECT 1;\n";
    let all: Vec<_> = split(sql).map(Result::unwrap).collect();
    assert!(matches!(&all[0], Statement::CopyFromStdin { sql: text, rows }
        if text.text == b"COPY public.t (a, b) FROM stdin;" && &sql[rows.clone()] == b"1\t;\n\\.x\n'\t\xff\n"));
    assert_eq!((all[1].sql().text, all[1].sql().line), (&b"SELECT 1;"[..], 8));
}

#[test]
fn copy_is_recognised_in_all_its_forms_and_nothing_else_is() {
    for copy in [
        "COPY t FROM stdin;",
        "copy \"from\" (\"stdin\") from\n STDIN with (format text);",
        "COPY t /* x */ FROM -- y\n stdin;",
        "COPY s.t (a) FROM stdin  ; ",
        "COPY t FROM stdin WHERE (a > 1);",
    ] {
        let sql = format!("{copy}\n\\.\n");
        assert!(
            matches!(split(sql.as_bytes()).next(), Some(Ok(Statement::CopyFromStdin { rows, .. })) if rows.is_empty())
        );
    }
    for other in
        ["COPY t TO stdout;", "COPY (SELECT 1 FROM stdin) TO stdout;", "COPY t FROM 'stdin';", "SELECT 1 FROM stdin;"]
    {
        assert!(matches!(split(other.as_bytes()).next(), Some(Ok(Statement::Sql(_)))), "{other}");
    }
}

#[test]
fn copy_that_is_cut_off_or_followed_by_text_is_refused() {
    for sql in
        ["COPY t FROM stdin;", "COPY t FROM stdin;\n", "COPY t FROM stdin;\n1\n", "COPY t FROM stdin;\n1\n\\.x\n"]
    {
        assert_eq!(error(sql), SplitError::UnfinishedCopy { line: 1 }, "{sql}");
    }
    assert_eq!(error("COPY t FROM stdin; SELECT 1;\n\\.\n"), SplitError::BehindCopy { line: 1 });
    assert_eq!(texts("COPY t FROM stdin;\r\n1\r\n\\.\r\nSELECT 1;").len(), 2);
    assert_eq!(texts("COPY t FROM stdin;\n\\.").len(), 1);
}

#[test]
fn statement_that_is_cut_off_is_refused() {
    assert_eq!(error("SELECT 1;\n\nSELECT 2"), SplitError::Unfinished { line: 3 });
    assert!(matches!(error("SELECT 1;\nSELECT\n'x;"), SplitError::Unterminated { line: 3, .. }));
    assert_eq!(error("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;"), SplitError::Unfinished { line: 1 });
    assert_eq!(error("SELECT (1;"), SplitError::Unfinished { line: 1 });
}

#[test]
fn psql_commands_are_refused_by_name() {
    for (sql, name) in [("SELECT 1;\n\\! rm -rf x\n", "!"), ("\\connect x", "connect"), ("SELECT 1 \\gexec\n", "gexec")]
    {
        assert!(matches!(error(sql), SplitError::Metacommand { command, .. } if command == name));
    }
    assert_eq!(error("\n\\restrict abc\n").to_string(), "line 2 has the psql command \\restrict, which is not SQL");
}

#[test]
fn nothing_comes_after_an_error() {
    let mut splitter = split(b"SELECT 1;\n\\! x\nSELECT 2;");
    assert!(splitter.next().unwrap().is_ok() && splitter.next().unwrap().is_err());
    assert!(splitter.next().is_none());
}

#[test]
fn strings_follow_the_setting_that_the_text_makes() {
    let sql = "SET standard_conforming_strings = off;\nSELECT '\\';';\nSET standard_conforming_strings TO 'on';\nSELECT '\\';";
    assert_eq!(texts(sql).len(), 4);
    assert_eq!(texts("SET SESSION standard_conforming_strings = false; SELECT '\\';';").len(), 2);
}

#[test]
fn encodings_whose_bytes_imitate_quotes_are_refused() {
    for name in ["'SJIS'", "big5", "'Shift_JIS_2004'", "\"gb18030\""] {
        assert!(matches!(error(&format!("SET client_encoding = {name};")), SplitError::Encoding { line: 1, .. }));
    }
    for name in ["'UTF8'", "'EUC_JP'", "'WIN1252'", "'SQL_ASCII'"] {
        assert_eq!(texts(&format!("SET client_encoding = {name};")).len(), 1);
    }
}

#[test]
fn statements_know_their_object() {
    let sql = "SELECT 0;\n--\n-- Name: orders; Type: TABLE; Schema: public; Owner: app\n--\n\nCREATE TABLE public.orders (\n-- Name: no; Type: X; Schema: -; Owner: -\na int);\n\n\nALTER TABLE public.orders OWNER TO app;\n\n--\n-- Name: EXTENSION hstore; Type: COMMENT; Schema: -; Owner: -\n--\n\nSELECT 1;\n--\n-- Data for Name: a; Type: b; c; Type: TABLE DATA; Schema: x y; Owner: z; Tablespace: q\n--\nCOPY a FROM stdin;\n\\.\n";
    let objects: Vec<_> = split(sql.as_bytes())
        .map(|statement| statement.unwrap().sql().object.map(|object| object.to_string()))
        .collect();
    assert_eq!(
        objects,
        [
            None,
            Some("TABLE public.orders".to_owned()),
            Some("TABLE public.orders".to_owned()),
            Some("COMMENT EXTENSION hstore".to_owned()),
            Some("TABLE DATA x y.a; Type: b; c".to_owned()),
        ]
    );
}

#[test]
fn offsets_and_lines_point_at_the_text() {
    let sql = "\n-- x\n  SELECT\n1;\n\tSELECT 2;";
    let all: Vec<_> = split(sql.as_bytes()).map(|s| s.unwrap().sql().clone()).collect();
    assert_eq!((all[0].line, all[0].offset, all[0].whole.clone()), (3, 8, 0..17));
    assert_eq!((all[1].line, all[1].offset, all[1].whole.clone()), (5, 19, 17..28));
}

#[test]
fn settings_are_read_from_their_statements() {
    let is = |sql: &str, name: &str, value: &str| {
        assert_eq!(setting(sql.as_bytes()), Some((name.to_owned(), value.to_owned())), "{sql}");
    };
    is("SET client_encoding = 'WIN1252';", "client_encoding", "WIN1252");
    is("set /* x */ LOCAL Search_Path TO \"a\";", "search_path", "a");
    for sql in ["SET ROLE x;", "SELECT 1;", "SET TIME ZONE 'UTC';", ""] {
        assert_eq!(setting(sql.as_bytes()), None, "{sql}");
    }
}

#[test]
fn first_statement_is_found_as_soon_as_it_is_whole_and_not_before() {
    let sql =
        "-- Name: t; Type: TABLE; Schema: s; Owner: o\nCREATE FUNCTION f() RETURNS text AS $$;$$ /* ; */;\n\nSELECT 2;";
    let end = sql.find("*/;").unwrap() + 3;
    for length in 0..end {
        match first(&sql.as_bytes()[..length], true) {
            Ok(None) => {}
            Ok(Some(found)) => panic!("{length}: {found:?}"),
            Err(error) => assert!(error.is_cut_off(), "{length}: {error}"),
        }
    }
    let found = first(sql.as_bytes(), true).unwrap().unwrap();
    assert_eq!((found.sql.whole, found.copies), (0..end, false));
    assert_eq!(found.sql.object.unwrap().kind, b"TABLE");
}

#[test]
fn first_copy_ends_where_its_rows_begin() {
    let sql = b"COPY t FROM stdin;\n1\n\\.\n";
    assert!(first(&sql[..18], true).unwrap_err().is_cut_off());
    let found = first(&sql[..19], true).unwrap().unwrap();
    assert_eq!((found.sql.whole, found.copies), (0..19, true));
    assert!(!first(b"SELECT 1 \\! id", true).unwrap_err().is_cut_off());
}

#[test]
fn first_statement_knows_and_tells_whether_a_backslash_escapes() {
    let sql = br"SET standard_conforming_strings = off; SELECT 'a\'; x';";
    let set = first(sql, true).unwrap().unwrap();
    assert!(!set.standard_strings);
    let rest = &sql[set.sql.whole.end..];
    assert_eq!(first(rest, false).unwrap().unwrap().sql.text, br"SELECT 'a\'; x';");
    assert_eq!(first(rest, true).unwrap().unwrap().sql.text, br"SELECT 'a\';");
}
