//! As whom a server runs. Database servers refuse to run as root, so root lends them another account.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// Accounts that may run a server for root, in the order in which they are tried.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// Where `setpriv` (util-linux) is found.
const SETPRIV: [&str; 3] = ["/usr/bin/setpriv", "/bin/setpriv", "/usr/sbin/setpriv"];

/// The account that runs the server programs instead of root.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
    setpriv: PathBuf,
}

/// We are root, and there is nobody else to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoAccount;

impl Account {
    /// The other account if one is needed, `None` if this process is not root.
    pub(super) fn needed() -> Result<Option<Self>, NoAccount> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").map_err(|_| NoAccount)?;
        let (uid, gid) = NAMES.iter().find_map(|name| ids(&accounts, name)).ok_or(NoAccount)?;
        let setpriv = SETPRIV.iter().map(PathBuf::from).find(|path| path.is_file()).ok_or(NoAccount)?;
        Ok(Some(Self { uid, gid, setpriv }))
    }

    /// What stands before a program and its arguments, so that it runs as this account. It replaces itself with the
    /// program: the process id stays.
    pub(super) fn prefix(&self) -> Vec<OsString> {
        vec![
            self.setpriv.clone().into_os_string(),
            format!("--reuid={}", self.uid).into(),
            format!("--regid={}", self.gid).into(),
            "--clear-groups".into(),
            "--".into(),
        ]
    }
}

/// The ids of an account in the text of `/etc/passwd`. Root itself does not count, whatever it is called.
fn ids(accounts: &str, name: &str) -> Option<(u32, u32)> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        let gid: u32 = fields.next()?.parse().ok()?;
        (uid != 0).then_some((uid, gid))
    })
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let text = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:104:PostgreSQL:/:/bin/sh\n";
        assert_eq!(ids(text, "postgres"), Some((101, 104)));
        assert_eq!(ids(text, "nobody"), None);
        assert_eq!(ids(text, "root"), None);
        assert_eq!(ids("nobody:*:-2:-2::/:\nnobody", "nobody"), None);
    }
}
