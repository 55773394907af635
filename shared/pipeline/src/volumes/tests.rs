#![allow(clippy::unwrap_used, clippy::panic)]
use futures_util::StreamExt;
use sql_volume::{CopyRows, IndexTrailer, SectionKind};

use super::*;

const ROLES: &str = "CREATE ROLE app;\n";

fn head() -> IndexHead {
    IndexHead {
        roles: ROLES.into(),
        database: DatabaseProperties::default(),
        requires: Requirements::default(),
        seed: DigestSeed::new([7; 8]),
        columns: BTreeMap::from([(("public".into(), "t".into()), vec!["a".into()])]),
    }
}

fn data_section(seq: u32) -> Section {
    let sql = format!("COPY public.t (a) FROM stdin;\n{seq}\n\\.\n\n").into_bytes();
    let end = sql.len() - 4;
    let rows = CopyRows { schema: "public".into(), table: "t".into(), range: 30..end, count: 1 };
    Section { kind: SectionKind::TableData, seq, after: seq.checked_sub(1), sql, rows: Some(rows) }
}

async fn read(volumes: &mut Volumes) -> io::Result<Vec<u8>> {
    let mut plaintext = Vec::new();
    let mut stream = std::pin::pin!(volumes.open());
    while let Some(bytes) = stream.next().await {
        plaintext.extend_from_slice(&bytes?);
    }
    Ok(plaintext)
}

fn index_of(plaintext: &[u8]) -> Index {
    let trailer = IndexTrailer::parse(&plaintext[plaintext.len() - 24..], plaintext.len() as u64).unwrap();
    Index::from_frame(&plaintext[trailer.offset as usize..], trailer).unwrap()
}

#[tokio::test]
async fn volumes_close_at_their_limit_and_number_on() {
    let (sink, mut volumes) = volumes(head(), 1, 100);
    tokio::spawn(async move {
        for seq in 0..5 {
            assert!(sink.send(data_section(seq)).await.is_ok());
        }
        sink.end().await;
    });
    let (mut sql, mut sections, mut numbers, mut rows) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while !volumes.exhausted() {
        let plaintext = read(&mut volumes).await.unwrap();
        let index = index_of(&plaintext);
        assert!(!index.sections.is_empty());
        assert_eq!(index.roles.is_some(), index.volume == 1);
        if let Some(roles) = &index.roles {
            let frame = &plaintext[roles.offset as usize..(roles.offset + roles.length) as usize];
            assert_eq!(roles.read(frame, index.digest_seed).unwrap(), ROLES.as_bytes());
        }
        sections.extend(index.sections.iter().map(|section| section.seq));
        rows += index.tables.iter().map(|table| table.digest.rows()).sum::<u64>();
        numbers.push(index.volume);
        sql.extend(zstd_decode(&plaintext));
    }
    assert_eq!(sections, [0, 1, 2, 3, 4]);
    assert!(numbers.len() > 1 && numbers.iter().copied().eq(1..=numbers.len() as u32), "{numbers:?}");
    let expected: Vec<u8> = (0..5).flat_map(|seq| data_section(seq).sql).collect();
    assert_eq!(sql, expected);
    assert_eq!((rows, volumes.totals().tables[&("public".into(), "t".into())].rows()), (5, 5));
}

fn zstd_decode(plaintext: &[u8]) -> Vec<u8> {
    let trailer = IndexTrailer::parse(&plaintext[plaintext.len() - 24..], plaintext.len() as u64).unwrap();
    let index = Index::from_frame(&plaintext[trailer.offset as usize..], trailer).unwrap();
    let frame = |entry: &SectionEntry| &plaintext[entry.offset as usize..(entry.offset + entry.length) as usize];
    index
        .sections
        .iter()
        .flat_map(|entry| sql_volume::decompress(frame(entry), entry, index.digest_seed).unwrap())
        .collect()
}

#[tokio::test]
async fn producer_that_fails_is_an_error_for_the_uploader() {
    let (sink, mut volumes) = volumes(head(), 1, u64::MAX);
    tokio::spawn(async move {
        assert!(sink.send(data_section(0)).await.is_ok());
        sink.fail(io::Error::other("the connection was lost")).await;
    });
    assert_eq!(read(&mut volumes).await.unwrap_err().to_string(), "the connection was lost");
    assert!(!volumes.exhausted());
}

#[tokio::test]
async fn producer_that_dies_is_an_error_and_not_an_end() {
    let (sink, mut volumes) = volumes(head(), 1, u64::MAX);
    assert!(sink.send(data_section(0)).await.is_ok());
    drop(sink);
    assert!(read(&mut volumes).await.unwrap_err().to_string().contains("without saying that it is complete"));
    assert!(!volumes.exhausted());
}

#[tokio::test]
async fn producer_learns_that_nobody_takes_its_sections() {
    let (sink, volumes) = volumes(head(), 1, u64::MAX);
    drop(volumes);
    assert!(sink.send(data_section(0)).await.is_err());
}

#[tokio::test]
async fn section_or_table_that_got_lost_on_the_way_is_named() {
    let (sink, mut volumes) = volumes(head(), 1, u64::MAX);
    assert!(sink.send(data_section(0)).await.is_ok());
    tokio::spawn(sink.end());
    read(&mut volumes).await.unwrap();
    let (schema, table, other) = ("public".to_owned(), "t".to_owned(), "u".to_owned());
    let totals = volumes.totals();
    assert!(totals.check(1, [(&schema, &table)].into_iter()).is_ok());
    assert!(totals.check(2, [(&schema, &table)].into_iter()).unwrap_err().contains("gave 2 sections"));
    assert!(totals.check(1, [(&schema, &table), (&schema, &other)].into_iter()).unwrap_err().contains("public.u"));
}
