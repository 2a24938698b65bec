//! The closed sets that users name.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$item_doc])* #[serde(rename = $word)] $item,)+ }

        impl $name {
            /// Every member, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$item,)+];
            /// The word of each member, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The word that definitions, journals and JSON use.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$item => $word,)+ }
            }

            /// The member for a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$item),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

closed_set!(
    /// A type of AWS resource that a drill can restore. Adding one: CONTRIBUTING, "Add a resource type".
    ResourceKind {
        /// An RDS DB instance.
        Rds = "rds",
        /// An Aurora cluster.
        Aurora = "aurora",
        /// An Amazon DocumentDB cluster.
        DocumentDb = "documentdb",
        /// A Neptune cluster.
        Neptune = "neptune",
        /// A DynamoDB table.
        DynamoDb = "dynamodb",
        /// An EBS volume.
        Ebs = "ebs",
        /// An EC2 instance.
        Ec2 = "ec2",
        /// An EFS file system.
        Efs = "efs",
        /// An FSx file system, or a volume of FSx for ONTAP.
        Fsx = "fsx",
        /// An S3 bucket.
        S3 = "s3",
        /// A Storage Gateway volume.
        StorageGateway = "storage_gateway",
        /// Whatever else AWS Backup restores: the definition says how it is looked at and removed.
        Other = "other",
    }
);

closed_set!(
    /// A kind of probe. Adding one: CONTRIBUTING, "Add a probe".
    ProbeKind {
        /// Connect to a port.
        Tcp = "tcp",
        /// Shake hands over TLS and look at the certificates.
        Tls = "tls",
        /// Ask over HTTP.
        Http = "http",
        /// Resolve a name.
        Dns = "dns",
        /// Ask a database a question.
        Sql = "sql",
        /// Compare a database's tables, columns, indexes and constraints.
        SqlSchema = "sql_schema",
        /// Read a DynamoDB table.
        DynamoDb = "dynamodb",
        /// Read an S3 bucket.
        S3 = "s3",
        /// Look at an instance: its checks, its console, its boot.
        Ec2 = "ec2",
        /// Read a restored volume on a probe host.
        Ebs = "ebs",
        /// Read a restored EFS file system on a probe host.
        Efs = "efs",
        /// Read a restored FSx file system on a probe host.
        Fsx = "fsx",
        /// Look at what the service says of the restored resource.
        Describe = "describe",
        /// Read a metric of the restored resource.
        CloudWatch = "cloudwatch",
        /// Run a script on an instance, through SSM.
        Ssm = "ssm",
        /// Invoke a Lambda function.
        Lambda = "lambda",
        /// Run a program here.
        Command = "command",
        /// Measure the same on the source and on the restored side.
        Compare = "compare",
        /// Try what the restored thing must not be able to do.
        Isolation = "isolation",
        /// Ask a person.
        Manual = "manual",
        /// A kind of your own: a program `drill-probe-NAME`.
        Custom = "custom",
    }
);

closed_set!(
    /// A check of the preflight. docs/preflight.md says of each what is asked, when it fails and what mends it.
    CheckId {
        /// A check of a journal that is older than the names of checks.
        Unnamed = "check.unnamed",
        /// Whose credentials these are.
        AccountIdentity = "account.identity",
        /// The machine's clock against AWS's.
        ClockSkew = "clock.skew",
        /// The region is enabled for the account.
        RegionEnabled = "region.enabled",
        /// The type is opted in to AWS Backup there.
        RegionOptIn = "region.opt_in",
        /// The vault is there, and where it should be.
        VaultPlace = "vault.place",
        /// The vault's access policy.
        VaultPolicy = "vault.policy",
        /// The vault's key.
        VaultKey = "vault.key",
        /// The restore role is there.
        RoleExists = "role.exists",
        /// It trusts AWS Backup.
        RoleTrust = "role.trust",
        /// The drill may hand it to AWS Backup.
        RolePass = "role.pass",
        /// It may do what the type needs.
        RoleActions = "role.actions",
        /// AWS's own policy for the type is attached to it.
        RolePolicy = "role.policy",
        /// The drill may start the restore.
        CallerStart = "caller.start",
        /// The drill may remove what it restores.
        CallerTeardown = "caller.teardown",
        /// The drill may set its tags on what it restores.
        CallerTag = "caller.tag",
        /// The drill may read the secrets that probes and actions log in with.
        CallerSecrets = "caller.secrets",
        /// A key that the definition names.
        KeyState = "key.state",
        /// The restore role may use the keys.
        KeyAccess = "key.access",
        /// Subnets and subnet groups.
        NetworkSubnets = "network.subnets",
        /// The default VPC, where no subnet group is named.
        NetworkDefaultVpc = "network.default_vpc",
        /// Security groups.
        NetworkSecurityGroups = "network.security_groups",
        /// The VPC of a subnet.
        NetworkVpc = "network.vpc",
        /// An availability zone.
        NetworkZone = "network.zone",
        /// A port that must be open.
        NetworkPort = "network.port",
        /// A parameter group.
        DatabaseParameterGroup = "database.parameter_group",
        /// An option group.
        DatabaseOptionGroup = "database.option_group",
        /// An instance class or type.
        ComputeClass = "compute.class",
        /// What quotas leave.
        QuotaHeadroom = "quota.headroom",
        /// The name of what is restored.
        NameFree = "name.free",
        /// What the restored thing is attached to or joins: an instance, a gateway, a virtual machine, a directory.
        HostReady = "host.ready",
        /// What earlier runs left.
        LeftoversEarlier = "leftovers.earlier",
        /// Protections that the definition asks for.
        ProtectionAsked = "protection.asked",
        /// Rules of the Recycle Bin.
        RecycleBinRules = "recycle_bin.rules",
        /// Backup plans that would pick the restored thing up.
        PlansSelection = "plans.selection",
        /// Settings that contradict each other.
        SettingsKind = "settings.kind",
        /// The key of AWS KMS that signs the evidence.
        ReportSigning = "report.signing",
        /// The bucket that the evidence is archived in.
        ReportArchive = "report.archive",
    }
);

closed_set!(
    /// What a run talked to. Only `aws` can be evidence.
    Mode {
        /// Every request goes over TLS to AWS itself.
        Aws = "aws",
        /// The simulated AWS.
        Sandbox = "sandbox",
        /// Some endpoint was overridden: nobody knows what answered.
        CustomEndpoint = "custom_endpoint",
    }
);

closed_set!(
    /// A form in which a report is written.
    ReportFormat {
        /// `report.md`: always written.
        Markdown = "markdown",
        /// `report.html`.
        Html = "html",
        /// `report.json`: always written.
        Json = "json",
        /// `junit.xml`, for build servers.
        Junit = "junit",
        /// `report.pdf`, printed by a browser of this machine.
        Pdf = "pdf",
    }
);

closed_set!(
    /// Who may shorten a lock of S3 Object Lock.
    LockMode {
        /// Whoever has `s3:BypassGovernanceRetention`.
        Governance = "governance",
        /// Nobody, the account's root user included.
        Compliance = "compliance",
    }
);

closed_set!(
    /// How a run ended. See the design, section 6. `Leaked` wins over `Failed` over `Inconclusive` over `Passed`.
    Verdict {
        /// Something was restored, every probe held, every objective was met, teardown is complete.
        Passed = "passed",
        /// The environment stood in the way.
        Inconclusive = "inconclusive",
        /// The backup did not prove itself.
        Failed = "failed",
        /// Something that the run made may still exist.
        Leaked = "leaked",
    }
);

closed_set!(
    /// A control of a framework that a drill can say something about; the facts, section 6. The words are ours, the
    /// numbers the framework's.
    Control {
        /// SOC 2 (Trust Services Criteria 2017, revised 2022): recovery from incidents.
        Soc2Recovery = "soc2:CC7.5",
        /// SOC 2: backups and recovery infrastructure.
        Soc2Backups = "soc2:A1.2",
        /// SOC 2: tests of the recovery.
        Soc2Tests = "soc2:A1.3",
        /// ISO/IEC 27001:2013, annex A: continuity and redundancy.
        Iso2013Continuity = "iso27001:A.17",
        /// ISO/IEC 27001:2022, annex A: security during disruption.
        IsoDisruption = "iso27001:A.5.29",
        /// ISO/IEC 27001:2022, annex A: readiness for continuity.
        IsoReadiness = "iso27001:A.5.30",
        /// ISO/IEC 27001:2022, annex A: backups.
        IsoBackups = "iso27001:A.8.13",
        /// ISO/IEC 27001:2022, annex A: redundancy.
        IsoRedundancy = "iso27001:A.8.14",
        /// PCI DSS 4: the incident response plan.
        PciPlan = "pci-dss:12.10.1",
        /// PCI DSS 4: its yearly test.
        PciTest = "pci-dss:12.10.2",
        /// NIST SP 800-53: tests of the contingency plan.
        NistTest = "nist-800-53:CP-4",
        /// NIST SP 800-53: backups, and tests of them.
        NistBackup = "nist-800-53:CP-9",
        /// NIST SP 800-53: recovery and reconstitution.
        NistRecovery = "nist-800-53:CP-10",
        /// HIPAA: the contingency plan.
        HipaaContingency = "hipaa:164.308(a)(7)",
        /// DORA (EU 2022/2554), article 11: response and recovery.
        DoraRecovery = "dora:11",
        /// DORA, article 12: backups, restoration and recovery.
        DoraBackup = "dora:12",
    }
);

impl Verdict {
    /// The exit code of `drill run` and `drill resume`.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Inconclusive => 3,
            Self::Leaked => 4,
        }
    }
}
