//! What a dump can't hold still: a function that another session renames and replaces, and a view that calls it. The server tells the
//! function's arguments, and its name within the view, as they are now, whatever the snapshot; its name and its body are of the
//! snapshot. No lock keeps these together.

use testing::postgres::Database;
use tokio_postgres::Client;

/// The session that replaces it.
pub struct Replaced {
    client: Client,
    turn: u32,
}

impl Replaced {
    pub async fn begin(database: &Database) -> Self {
        let function = function(0);
        database.run(&format!("{function}; CREATE VIEW turned AS SELECT turning_0() AS turned")).await;
        Self { client: database.connect().await, turn: 0 }
    }

    /// Name, arguments and body say the next number.
    pub async fn turn(&mut self) {
        let before = self.turn;
        self.turn += 1;
        let (turn, function) = (self.turn, function(self.turn));
        let sql = format!("BEGIN; ALTER FUNCTION turning_{before}(int) RENAME TO turning_{turn}; {function}; COMMIT");
        self.client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

fn function(turn: u32) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION turning_{turn}(n int DEFAULT {turn}) RETURNS int LANGUAGE sql AS 'SELECT {turn} AS turning'"
    )
}

/// All of it is of one transaction.
pub fn check(major: &str, text: &str) {
    let number = |text: &str, before: &str| -> String {
        let (_, after) = text.split_once(before).unwrap_or_else(|| panic!("{major}: no {before}"));
        after.chars().take_while(char::is_ascii_digit).collect()
    };
    let create = "CREATE FUNCTION public.turning_";
    let (_, function) = text.split_once(create).unwrap_or_else(|| panic!("{major}: no {create}"));
    let (_, view) = text.split_once("CREATE VIEW public.turned ").unwrap_or_else(|| panic!("{major}: no view"));
    let said = [
        number(text, create),
        number(function, "DEFAULT "),
        number(function, "SELECT "),
        number(view, "public.turning_"),
    ];
    assert!(said.iter().all(|number| *number == said[0]), "{major}: of several moments: {said:?}");
}
