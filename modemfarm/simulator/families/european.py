"""Telit, u-blox and Cinterion (Siemens, Gemalto, Thales)."""

from __future__ import annotations

from modemfarm.simulator.traits import Personality, cnmi

TELIT = Personality(
    # HE910: default +CNMI gives no reports, the fourth parameter must be 1 [GA #272].
    name="telit",
    manufacturer="Telit",
    model="HE910-D",
    revision="12.00.224",
    information=("332",),
    act=2,
    iccid_command="#CCID",
    iccid_prefix="#CCID: ",
    cnmi=cnmi("(0-3),(0-3),(0-3),(0-2),(0,1)", (0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3), (0, 1), (0, 1)),
    cpms_offered='("SM","ME"),("SM","ME"),("SM","ME")',
    capacities={"ME": 100},
    empty_slot=321,
    boot=((0.5, "#QSS: 1"), (1.0, "#QSS: 2"), (4.0, "#QSS: 3")),  # 3: SMS and phonebook ready
    boot_switch=("#QSS", 2),
    sms_ready_after_s=4.0,
    sim_settles_s=1.0,
    sim_gone=("#QSS: 0",),
    sim_back=("#QSS: 1", "#QSS: 2", "#QSS: 3"),
    cnma=frozenset({"bare", "0", "1", "pdu"}),
    ack="withhold",  # the next +CMT or +CDS waits for it [ME910]
    restart=frozenset({"+CFUN=1,1", "#REBOOT"}),
    power_off={"#SHDN": ""},  # unverified
    drops_port=True,
    pin_counter=("#PCT", "#PCT: {asked}"),  # retries of the code that is asked for
    ussd="gsm",  # HE910: only while +CSCS is GSM [GA]
    ussd_refusal="cme258",
    vendor={
        "#NOPT=": "",
        "#SMSMODE=": "",
        "#SMSMODE?": "#SMSMODE: 0",
        "#PSNT?": "#PSNT: 0,2",  # shape
        "#PSNT=": "",
        "#SERVINFO": '#SERVINFO: 10563,{dbm},"CHINA MOBILE","46000",1A2B,C3D4,0,1,,"II",01,6',  # shape
        "#RFSTS": '#RFSTS: "460 00",10563,0,-5,{dbm},{dbm},1A2B,01,,0,0,NOHS,1,19,0,C3D4,"{imsi}","CHINA MOBILE",3,1',
        "#TEMPSENS=2": "#TEMPSENS: 4,{temp}",  # shape
        "#CBC": "#CBC: 0,{cv}",  # hundredths of a volt; shape
    },
)

UBLOX = Personality(
    name="ublox",
    manufacturer="u-blox",
    model="SARA-U201",
    revision="23.60",
    information=("SARA-U201-03S-00",),
    act=2,
    iccid_command="+CCID",
    iccid_prefix="+CCID: ",
    cnmi=cnmi("(0-2),(0-3),(0,2),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cpms_offered='("ME","SM"),("ME","SM"),("ME","SM")',
    capacities={"ME": 100},
    empty_slot=321,
    boot=(),  # poll AT, then wait a second; markers only on TOBY-L4 [MM]
    sms_ready_after_s=2.0,
    sim_settles_s=1.0,
    restart=frozenset({"+CFUN=1,1", "+CFUN=16"}),
    power_off={"+CPWROFF": ""},
    drops_port=True,
    pin_counter=("+UPINCNT", "+UPINCNT: {pin},3,{puk},10"),  # pin, pin2, puk, puk2
    ussd="charset",
    vendor={
        "+URAT?": "+URAT: 1,2",
        "+URAT=": "",
        "+UTEMP=": "",  # 0 is °C
        "+UTEMP?": "+UTEMP: {temp}",  # shape
        "+UCGED=": "",
        "+UCGED?": "+UCGED: 2\n3,1,460,00\n10563,37,1A2B,C3D4E5,01,255",  # shape
        "+CESQ": "+CESQ: {cesq_rxlev},99,{cesq_rscp},30,255,255",
        "+UMNOPROF?": "+UMNOPROF: 0",
    },
)

CINTERION = Personality(
    # BGS5, with what TC65 and MC75i share with it.
    name="cinterion",
    manufacturer="Cinterion",
    model="BGS5",
    revision="REVISION 01.100",
    information=("Cinterion", "BGS5", "REVISION 01.100"),
    iccid_command="^SCID",  # unverified
    iccid_prefix="^SCID: ",
    # BGS5 as recorded: neither mt=2 nor ds=1 [GA #759]; left-out parameters become 0 [EHS6]. TC35, MC35 and MC75i take
    # bfr=1 only [GA #1207, SL], and so does this one.
    cnmi=cnmi("(0-2),(0-1),(0-3),(0,2),(0-1)", (0, 1, 2), (0, 1), (0, 1, 2, 3), (0, 2), (1,), omitted_is_zero=True),
    cpms_offered='("SM","ME","SR"),("SM","ME"),("SM")',  # mem3 is SM (or MT) only on MC75i and MC35i
    capacities={"ME": 25, "SM": 20, "SR": 10},  # MC75i: ME 25, SM 20 [GA]
    report_memory="SR",  # +CDSI: "SR",n [GA #695, #759]
    empty_slot=-1,  # "+CMGR: 0,,0" [GA]
    cmt_alpha=False,  # "+CMT: 23" [OF]
    boot=((0.0, "^SYSSTART"), (1.0, "+CIEV: simstatus,1"), (3.0, "+CIEV: simstatus,5")),
    sms_ready_after_s=3.0,
    sim_settles_s=1.0,
    sim_busy=("cme", 256),  # "operation temporarily not allowed"
    sms_busy=("cms", 532),  # "SIM not ready"; 515 would be a bad address here
    sim_gone=("^SCKS: 0", "+CIEV: simstatus,0"),
    sim_back=("^SCKS: 1", "+CIEV: simstatus,5"),
    cmms=frozenset({0, 1}),  # oFono leaves CMMS alone here [OF]
    cnma=frozenset({"1"}),  # no PDU, under +CSMS=1 only [OF]
    ack="reset",  # an item without acknowledgement sets mt and ds to 0 [EHS6]
    cfun=frozenset({"0", "1", "4", "7"}),
    power_off={"^SMSO": "^SHUTDOWN"},
    pin_counter=("^SPIC", "^SPIC: {asked}"),  # one number, for the code that is asked for
    ussd="charset",
    vendor={
        '^SPIC="SC"': "^SPIC: {pin}",
        '^SPIC="SC",1': "^SPIC: {puk}",
        '^SPIC="P2"': "^SPIC: 3",
        "^SMONI": "^SMONI: 2G,1013,{dbm},460,00,1A2B,C3D4,32,33,0,0,NOCONN",  # shape
        "^SCTM?": "^SCTM: 0,0,{temp}",
        "^SCTM=": "",
        "^SBV": "^SBV: {mv}",
        "^SSTN=": "",
        "^SMGO=": "",  # unverified
        "^SCFG=": "",
        "^SIND=": "",
        "^SCKS=": "",
        "^SCKS?": "^SCKS: 0,1",
        "^SXRAT=": "",
        "\\Q=": "",
    },
)
