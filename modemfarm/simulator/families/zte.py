"""ZTE: sticks of the MF series."""

from __future__ import annotations

from modemfarm.simulator.traits import Personality, cnmi

ZTE = Personality(
    name="zte",
    manufacturer="ZTE INCORPORATED",  # or ZTE CORPORATION; some say QUALCOMM INCORPORATED [CD, GA]
    model="MF190",
    revision="BD_MF190V1.0.0B01",
    information=("Manufacturer: ZTE INCORPORATED", "Model: MF190", "Revision: BD_MF190V1.0.0B01", "IMEI: {imei}"),
    act=2,
    # +ZICCID is unverified: +CRSM is what works. CNMI mode 1; 2 is listed and refused [OF].
    cnmi=cnmi("(0,1,2),(0,1,2,3),(0,2),(0,1),(0,1)", (0, 1), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cpms_offered='("ME","SM","SR"),("ME","SM","SR"),("ME","SM","SR")',
    capacities={"ME": 100, "SR": 20},  # MF626: SM 50, ME 100 [GA #209]
    cds_comma=True,  # "+CDS: ,24" [OF]
    reports_unasked=True,  # MF626: reports may land in the inbox [GA #209]
    shows_stat=False,  # CMGR may omit <stat> [GA, SL]
    empty_slot=321,
    boot=((0.5, "+ZUSIMR:2"), (1.5, '+ZDONR: "CMCC",460,0,"CS_PS","ROAM_OFF"'), (2.0, '+ZPASR: "UMTS"')),
    sim_settles_s=2.0,
    sms_ready_after_s=2.0,
    csca_settles_s=10.0,  # CME 14 about 10 s after start [GA]
    chatter=('+ZPASR: "UMTS"', "+ZUSIMR:2", '+ZDONR: "CMCC",460,0,"CS_PS","ROAM_OFF"', "+ZPSTM: 0"),
    sim_gone=("+ZUSIMR:2",),
    sim_back=('+ZPASR: "UMTS"',),
    csms=frozenset({0, 1}),
    cnma=frozenset({"bare", "0"}),  # [OF]
    restart=frozenset({"+CFUN=1,1", "+ZOPRT=6"}),
    drops_port=True,
    pin_counter=("+ZPINPUK=?", "+ZPINPUK: {pin},{puk}"),  # asked in the test form [OF]
    pin_settles_s=2.0,
    ussd="gsm",  # MF667: only while +CSCS is GSM [GA]
    ussd_refusal="cusd4",
    vendor={
        "+ZCDRUN=": "",
        "+ZOPRT=": "",
        "+ZPAS?": '+ZPAS: "UMTS","CS_PS"',
        "+ZSNT=": "",
        "+ZSNT?": "+ZSNT: 0,0,0",
        "+ZCELLINFO?": "+ZCELLINFO: 1A2B,0C3D4E5F",  # shape
    },
)
