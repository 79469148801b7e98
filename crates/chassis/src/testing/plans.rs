//! What a database would do for a statement whose values are not known, on tables that are large.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, TransactionTrait};

use crate::db::Db;

/// Steps that read a table from end to end, or sort, each with the statement. An error: the statement is of another database.
pub(super) async fn complaints(db: &Db, text: &str) -> Result<Vec<String>, DbErr> {
    let bad = match db.engine() {
        DbBackend::Sqlite => sqlite(db, text).await?,
        DbBackend::Postgres => postgres(db, text).await?,
        _ => mysql(db, text).await?,
    };
    Ok(bad
        .into_iter()
        .map(|step| format!("{}: {text}", step.trim()))
        .collect())
}

async fn sqlite(db: &Db, text: &str) -> Result<Vec<String>, DbErr> {
    let statement = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {text}"));
    let rows = db.read().query_all_raw(statement).await?;
    let plan: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "detail"))
        .collect::<Result<_, _>>()?;
    Ok(plan
        .into_iter()
        .filter(|step| is_bad_for_sqlite(step, text))
        .collect())
}

/// Reading an index in its order is as it should be, unless it is to find something.
fn is_bad_for_sqlite(step: &str, text: &str) -> bool {
    let scans = step.starts_with("SCAN ") && (has_condition(text) || !step.contains("INDEX"));
    scans || (step.starts_with("USE TEMP B-TREE FOR ORDER BY") && is_page(text))
}

/// What is bad comes as the last resort: an empty table would always be read whole. A condition of alternatives is served by
/// bitmaps of its indexes, an order by an index alone.
async fn postgres(db: &Db, text: &str) -> Result<Vec<String>, DbErr> {
    let in_order = postgres_plan(db, text, &["enable_bitmapscan", "enable_sort"]).await?;
    let found = postgres_plan(db, text, &[]).await?;
    let mut bad: Vec<String> = steps(&in_order)
        .filter(|(step, _)| step.starts_with("Sort  (") && is_page(text))
        .map(|(step, _)| step)
        .collect();
    bad.extend(
        steps(&found)
            .filter(|(step, details)| reads_all(step, details))
            .map(|(step, _)| step),
    );
    Ok(bad)
}

async fn postgres_plan(db: &Db, text: &str, off: &[&str]) -> Result<Vec<String>, DbErr> {
    let nulls = vec!["NULL"; highest_parameter(text)].join(", ");
    let execute = if nulls.is_empty() {
        "EXPLAIN EXECUTE asked".to_owned()
    } else {
        format!("EXPLAIN EXECUTE asked({nulls})")
    };
    let txn = db.read().begin().await?;
    txn.execute_unprepared("SET LOCAL plan_cache_mode = force_generic_plan")
        .await?;
    for setting in off.iter().chain(&["enable_seqscan"]) {
        txn.execute_unprepared(&format!("SET LOCAL {setting} = off"))
            .await?;
    }
    txn.execute_unprepared(&format!("PREPARE asked AS {text}"))
        .await?;
    let statement = Statement::from_string(DbBackend::Postgres, execute);
    let rows = txn.query_all_raw(statement).await?;
    txn.execute_unprepared("DEALLOCATE asked").await?;
    txn.rollback().await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Each step with its details, which stand on the lines below it.
fn steps(plan: &[String]) -> impl Iterator<Item = (String, Vec<&str>)> {
    plan.iter().enumerate().map(|(number, line)| {
        let step = line.trim_start_matches([' ', '-', '>']).to_owned();
        let details = plan[number + 1..].iter().map(|line| line.trim_start());
        (
            step,
            details.take_while(|line| !line.starts_with("->")).collect(),
        )
    })
}

fn reads_all(step: &str, details: &[&str]) -> bool {
    let has = |detail: &str| details.iter().any(|line| line.starts_with(detail));
    let reads_index = step.starts_with("Index Scan") || step.starts_with("Index Only Scan");
    let sifts_all = reads_index && has("Filter:") && !has("Index Cond:");
    sifts_all || step.starts_with("Seq Scan")
}

fn highest_parameter(text: &str) -> usize {
    text.split('$')
        .skip(1)
        .filter_map(|after| {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .max()
        .unwrap_or(0)
}

/// Reads a table of a few rows whole and sorts it, whatever indexes there are: one that serves the statement is tried out.
async fn mysql(db: &Db, text: &str) -> Result<Vec<String>, DbErr> {
    // Only statements with values are explained: with a text that every type of column can be compared with.
    let text = text
        .replace("LIMIT ?", "LIMIT 10")
        .replace("OFFSET ?", "OFFSET 0")
        .replace('?', "'1'");
    let bad = mysql_plan(db, &text).await?;
    if bad.is_empty() {
        return Ok(bad);
    }
    let Some((table, from)) = table_of(&text) else {
        return Ok(bad);
    };
    let indexes = Statement::from_sql_and_values(
        DbBackend::MySql,
        "SELECT DISTINCT CAST(index_name AS CHAR) AS name FROM information_schema.statistics \
         WHERE table_schema = DATABASE() AND table_name = ?",
        [table.into()],
    );
    for row in db.read().query_all_raw(indexes).await? {
        let index: String = row.try_get("", "name")?;
        let forced = text.replacen(from, &format!("{from} FORCE INDEX (`{index}`)"), 1);
        if mysql_plan(db, &forced).await?.is_empty() {
            return Ok(Vec::new());
        }
    }
    Ok(bad)
}

/// The first table that is read, and the words that name it.
fn table_of(text: &str) -> Option<(&str, &str)> {
    let from = &text[text.find("FROM `")?..];
    let name = from["FROM `".len()..].split('`').next()?;
    Some((name, &from[.."FROM ``".len() + name.len()]))
}

async fn mysql_plan(db: &Db, text: &str) -> Result<Vec<String>, DbErr> {
    let statement = Statement::from_string(DbBackend::MySql, format!("EXPLAIN {text}"));
    let mut bad = Vec::new();
    for row in db.read().query_all_raw(statement).await? {
        let word = |column: &str| -> Result<String, DbErr> {
            let word: Option<String> = row.try_get("", column)?;
            Ok(word.unwrap_or_default())
        };
        let (table, access, extra) = (word("table")?, word("type")?, word("Extra")?);
        if is_bad_for_mysql(&table, &access, &extra, text) {
            bad.push(format!("{table} by {access}, {extra}"));
        }
    }
    Ok(bad)
}

fn is_bad_for_mysql(table: &str, access: &str, extra: &str, text: &str) -> bool {
    // What is in angle brackets was made by the statement itself.
    let is_stored = !table.starts_with('<');
    let scans = is_stored && (access == "ALL" || (access == "index" && has_condition(text)));
    scans || (extra.contains("Using filesort") && is_page(text))
}

/// A page comes in the order of an index; what is read whole may be sorted.
fn is_page(text: &str) -> bool {
    text.contains(" LIMIT ")
}

fn has_condition(text: &str) -> bool {
    text.contains(" WHERE ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "SELECT a FROM `b`";
    const PAGE: &str = "SELECT a FROM `b` WHERE c = ? ORDER BY a LIMIT ?";

    #[test]
    fn what_no_index_serves_is_found_in_the_plans_of_sqlite() {
        let in_order = "SCAN videos USING COVERING INDEX videos_listed";
        for (step, text, is_bad) in [
            ("SCAN videos", WHOLE, true),
            (in_order, WHOLE, false),
            (in_order, PAGE, true),
            ("USE TEMP B-TREE FOR ORDER BY", WHOLE, false),
            ("USE TEMP B-TREE FOR ORDER BY", PAGE, true),
            (
                "SEARCH videos USING INDEX videos_listed (listed=?)",
                PAGE,
                false,
            ),
        ] {
            assert_eq!(is_bad_for_sqlite(step, text), is_bad, "{step}: {text}");
        }
    }

    #[test]
    fn what_no_index_serves_is_found_in_the_plans_of_postgres() {
        for (plan, is_bad) in [
            ("Limit\n  ->  Seq Scan on b  (cost=0.00..1.00)", true),
            (
                "  ->  Index Scan using a on b\n        Filter: (c = $1)",
                true,
            ),
            (
                "  ->  Index Scan using a on b\n        Index Cond: (c = $1)\n        Filter: (d = $2)",
                false,
            ),
            ("Limit\n  ->  Index Scan using a on b", false),
            ("Limit\n  ->  Bitmap Heap Scan on b", false),
        ] {
            let plan: Vec<String> = plan.lines().map(str::to_owned).collect();
            let found = steps(&plan).any(|(step, details)| reads_all(&step, &details));
            assert_eq!(found, is_bad, "{plan:?}");
        }
        assert_eq!(highest_parameter("a = $1 AND b = $12 AND c = $2"), 12);
    }

    #[test]
    fn what_no_index_serves_is_found_in_the_plans_of_mysql() {
        for (table, access, extra, text, is_bad) in [
            ("b", "ALL", "", WHOLE, true),
            ("b", "index", "Using index", WHOLE, false),
            ("b", "index", "Using where", PAGE, true),
            ("b", "range", "Using where; Using filesort", PAGE, true),
            ("b", "range", "Using where; Using filesort", WHOLE, false),
            ("<derived2>", "ALL", "", WHOLE, false),
            ("b", "ref", "Using where", PAGE, false),
        ] {
            let found = is_bad_for_mysql(table, access, extra, text);
            assert_eq!(found, is_bad, "{table} {access} {extra}: {text}");
        }
        assert_eq!(table_of(PAGE), Some(("b", "FROM `b`")));
    }
}
